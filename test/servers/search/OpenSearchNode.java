import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.opensearch.Version;
import org.opensearch.common.logging.LogConfigurator;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;

/** A node of OpenSearch. Arguments: its plugins' classes with commas between them, its home, then settings as NAME=VALUE. */
public class OpenSearchNode extends Node {
  OpenSearchNode(Environment environment, Collection<PluginInfo> plugins) {
    super(environment, plugins, false);
  }

  public static void main(String[] arguments) throws Exception {
    List<PluginInfo> plugins = new ArrayList<>();
    for (String name : arguments[0].split(",")) {
      plugins.add(new PluginInfo(name, "a module", "none", Version.CURRENT, "21", name, null, List.of(), false));
    }
    Path home = Path.of(arguments[1]).toAbsolutePath();
    Files.createDirectories(home.resolve("config"));
    Settings.Builder settings = Settings.builder().put("path.home", home.toString());
    for (int i = 2; i < arguments.length; i++) {
      String[] setting = arguments[i].split("=", 2);
      settings.put(setting[0], setting[1]);
    }
    LogConfigurator.registerErrorListener();
    LogConfigurator.configureWithoutConfig(Settings.builder().put("logger.level", "WARN").build());
    Node node = new OpenSearchNode(new Environment(settings.build(), home.resolve("config")), plugins);
    node.start();
    if (Boolean.getBoolean("exit.when.started")) System.exit(0);
    Thread.currentThread().join();
  }
}
