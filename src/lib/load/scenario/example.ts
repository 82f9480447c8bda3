/** What `load init` writes: the metering API, with a comment for each part. */
export const exampleScenario = `# A load test of a metering API. Try one pass with: metrify load try FILE
# Then run it with:                                  metrify load run FILE

# Paths are below this URL. Traffic goes to hosts that this file names, and to no others.
target: http://127.0.0.1:8080

# Sent with every request. A secret is a reference: { env: NAME } or { file: PATH }.
headers:
  Accept: application/json
  # Authorization: { env: METER_AUTHORIZATION }

# A closed loop: users, each with one task after the other and a wait between them.
load:
  stages:
    - { duration: 30s, users: 20 } # a ramp from zero
    - { duration: 2m, users: 20 } # holds it
# An open loop instead: tasks begin at a rate, however slow the answers are.
# load:
#   rate: 50
#   arrivals: poisson
# duration: 2m

# Uniform between the two. Also { exponential: 2s }, { normal: 2s, deviation: 500ms } and { constant: 2s }.
wait: 1s..3s

# Requests before the statistics begin: connections open and caches fill.
warmup: 10s

# Rows of a CSV file: each task takes one, and {meters.id} is its column id.
# feeds:
#   meters: { file: meters.csv, order: random }

variables:
  meter: meter-17

# Run once before everything else. What they capture, all tasks have.
# setup:
#   - post: /login
#     json: { user: load-test, password: '{password}' }
#     capture: { token: { json: $.token } }

tasks:
  - name: read
    weight: 6 # six in ten tasks
    steps:
      - get: /api/v1/meter-readings?meter={meter}&limit=100
        expect: { status: 200, latency: <500ms }

  - name: report
    weight: 3
    steps:
      - post: /api/v1/meter-readings
        # {uuid} and {now} are new in each request.
        json: { id: '{uuid}', meter: '{meter}', at: '{now}', kwh: 1.25 }
        expect: { status: [200, 201] }
        # onRetryAfter: obey

  - name: forecast
    weight: 1
    steps:
      - get: /api/v1/analytics/forecast?meter={meter}
        expect: { status: 200 }
        # capture:
        #   day: { json: '$.days[0].id' }
      # - wait: 500ms
      # - get: /api/v1/analytics/forecast/{day}

thresholds:
  - p95<500ms
  - error_rate<1%
`;
