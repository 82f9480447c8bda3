/** An Envoy that takes all of its configuration from istiod on 127.0.0.1:15010, as the workload of the pod at `pod`. */
export function describeBootstrap({
  admin,
  pod,
  system,
}: {
  readonly admin: string;
  readonly pod: string;
  readonly system: string;
}): object {
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return {
    node: {
      id: `router~${pod}~gateway.${system}~${system}.svc.cluster.local`,
      cluster: `gateway.${system}`,
      metadata: {
        CLUSTER_ID: 'Kubernetes',
        NAMESPACE: system,
        LABELS: { istio: 'ingressgateway' },
        ISTIO_VERSION: '1.28.0',
      },
    },
    admin: { address: socket(admin, 15_000) },
    // istiod's statistics names end a cluster's name, which has dots of its own, with a semicolon.
    stats_config: {
      use_all_default_tags: false,
      stats_tags: [
        { tag_name: 'envoy.cluster_name', regex: '^cluster\\.((.+?);\\.)' },
        { tag_name: 'envoy.response_code' },
        { tag_name: 'envoy.response_code_class' },
      ],
    },
    dynamic_resources: {
      ads_config: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
      lds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
      cds_config: { ads: {}, resource_api_version: 'V3', initial_fetch_timeout: '0s' },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '10s',
          typed_extension_protocol_options: {
            [options]: {
              '@type': `type.googleapis.com/${options}`,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socket('127.0.0.1', 15_010) } }] }],
          },
        },
      ],
    },
  };
}

function socket(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
