import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/** A node of Elasticsearch 8 or 9. Arguments: the folder of its modules, its home, then settings as NAME=VALUE. */
public class ElasticsearchNode {
  public static void main(String[] arguments) throws Exception {
    Path home = Path.of(arguments[1]).toAbsolutePath();
    Files.createDirectories(home.resolve("config"));
    Settings.Builder settings = Settings.builder().put("path.home", home.toString());
    for (int i = 2; i < arguments.length; i++) {
      String[] setting = arguments[i].split("=", 2);
      settings.put(setting[0], setting[1]);
    }
    Environment environment = new Environment(settings.build(), home.resolve("config"));
    LogConfigurator.registerErrorListener();
    LogConfigurator.configureWithoutConfig(Settings.builder().put("logger.level", "WARN").build());
    LogConfigurator.configureESLogging();
    Set<PluginBundle> modules = modules(Path.of(arguments[0]));
    Node node = new Node(environment, PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of(), false));
    node.start();
    if (Boolean.getBoolean("exit.when.started")) System.exit(0);
    Thread.currentThread().join();
  }

  /** Elasticsearch 9 has a second parameter, for a stateless node. */
  @SuppressWarnings("unchecked")
  static Set<PluginBundle> modules(Path folder) throws Exception {
    String name = "loadModulesBundles";
    try {
      return (Set<PluginBundle>) PluginsLoader.class.getMethod(name, Path.class, boolean.class).invoke(null, folder, false);
    } catch (NoSuchMethodException is8) {
      return (Set<PluginBundle>) PluginsLoader.class.getMethod(name, Path.class).invoke(null, folder);
    }
  }
}
