import com.hazelcast.config.YamlConfigBuilder;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.map.IMap;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.concurrent.Executors;

/**
 * A member, and beside it what tests compare with: the same maps as a Java service sees them, over HTTP.
 * Arguments: the configuration, the port of that view.
 * GET /size/MAP; GET /entries/MAP: a line `TYPE KEY TYPE VALUE TTL` each, keys and values in hexadecimal, the time to
 * live in ms or -1; POST /put/MAP/KEY: the body as String; POST /number/MAP/KEY: the body as Long under a Long key.
 */
public class Member {
  public static void main(String[] arguments) throws Exception {
    HazelcastInstance member = Hazelcast.newHazelcastInstance(new YamlConfigBuilder(arguments[0]).build());
    InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[1]));
    HttpServer server = HttpServer.create(address, 0);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/", exchange -> {
      String answer;
      try {
        String[] path = exchange.getRequestURI().getPath().split("/");
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        answer = answer(member.getMap(path[2]), path, body);
      } catch (Exception error) {
        answer = "error " + error;
      }
      byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, bytes.length == 0 ? -1 : bytes.length);
      exchange.getResponseBody().write(bytes);
      exchange.close();
    });
    server.start();
  }

  static String answer(IMap<Object, Object> map, String[] path, String body) {
    switch (path[1]) {
      case "size":
        return String.valueOf(map.size());
      case "put":
        map.set(path[3], body);
        return "done";
      case "number":
        map.set(Long.valueOf(path[3]), Long.valueOf(body));
        return "done";
      default:
        StringBuilder lines = new StringBuilder();
        for (var entry : map.entrySet()) {
          var view = map.getEntryView(entry.getKey());
          if (view == null) continue;
          long end = view.getExpirationTime();
          long ttl = end == Long.MAX_VALUE ? -1 : end - System.currentTimeMillis();
          lines.append(told(entry.getKey())).append(' ').append(told(entry.getValue()));
          lines.append(' ').append(ttl).append('\n');
        }
        return lines.toString();
    }
  }

  static String told(Object object) {
    byte[] bytes = object instanceof byte[] raw ? raw : object.toString().getBytes(StandardCharsets.UTF_8);
    return object.getClass().getSimpleName() + ' ' + HexFormat.of().formatHex(bytes);
  }
}
