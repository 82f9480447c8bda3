import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.Plugin;

/** A node of Elasticsearch 7. Arguments: its plugins' classes with commas between them, its home, then settings as NAME=VALUE. */
public class Elasticsearch7Node extends Node {
  Elasticsearch7Node(Environment environment, Collection<Class<? extends Plugin>> plugins) {
    super(environment, plugins, false);
  }

  public static void main(String[] arguments) throws Exception {
    List<Class<? extends Plugin>> plugins = new ArrayList<>();
    for (String name : arguments[0].split(",")) plugins.add(Class.forName(name).asSubclass(Plugin.class));
    Path home = Path.of(arguments[1]).toAbsolutePath();
    Files.createDirectories(home.resolve("config"));
    Settings.Builder settings = Settings.builder().put("path.home", home.toString());
    for (int i = 2; i < arguments.length; i++) {
      String[] setting = arguments[i].split("=", 2);
      settings.put(setting[0], setting[1]);
    }
    LogConfigurator.registerErrorListener();
    LogConfigurator.configureWithoutConfig(Settings.builder().put("logger.level", "WARN").build());
    Node node = new Elasticsearch7Node(new Environment(settings.build(), home.resolve("config")), plugins);
    node.start();
    if (Boolean.getBoolean("exit.when.started")) System.exit(0);
    Thread.currentThread().join();
  }
}
