import java.util.List;
import java.util.function.Supplier;
import org.apache.lucene.util.Version;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/** `GET /`, whose own module is not published for Elasticsearch 8 and 9. */
class RootHandler extends BaseRestHandler {
  private final Supplier<ClusterService> cluster;

  RootHandler(Supplier<ClusterService> cluster) {
    this.cluster = cluster;
  }

  @Override
  public String getName() {
    return "main_action";
  }

  @Override
  public List<Route> routes() {
    return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
  }

  @Override
  protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
    return channel -> {
      Build build = Build.current();
      ClusterService service = cluster.get();
      XContentBuilder body = channel.newBuilder().startObject();
      body.field("name", service.getNodeName()).field("cluster_name", service.getClusterName().value());
      body.field("cluster_uuid", service.state().metadata().clusterUUID());
      body.startObject("version").field("number", build.version()).field("build_flavor", "default");
      body.field("build_hash", build.hash()).field("build_date", build.date()).field("build_snapshot", false);
      body.field("lucene_version", Version.LATEST.toString()).endObject();
      body.field("tagline", "You Know, for Search").endObject();
      channel.sendResponse(new RestResponse(RestStatus.OK, body));
    };
  }
}
