import org.apache.solr.embedded.JettyConfig;
import org.apache.solr.embedded.JettySolrRunner;

/** Solr on its own, without ZooKeeper. Arguments: its home, its port. */
public class SolrNode {
  public static void main(String[] arguments) throws Exception {
    System.setProperty("solr.log.dir", arguments[0]);
    System.setProperty("solr.directoryFactory", "solr.NRTCachingDirectoryFactory");
    int port = Integer.parseInt(arguments[1]);
    JettyConfig config = JettyConfig.builder().setContext("/solr").setPort(port).stopAtShutdown(false).build();
    new JettySolrRunner(arguments[0], config).start();
    if (Boolean.getBoolean("exit.when.started")) System.exit(0);
    Thread.currentThread().join();
  }
}
