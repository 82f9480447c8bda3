/** The town's tables. Local time is UTC: the town lies on the Greenwich meridian. */
export const tables = `
create table tariffs (
  id text primary key,
  name text not null,
  price numeric(6,4) not null,
  feed_in numeric(6,4) not null
);
create table meters (
  id text primary key,
  kind text not null check (kind in ('household', 'commercial', 'solar')),
  tariff_id text not null references tariffs,
  district text not null,
  latitude double precision not null,
  longitude double precision not null
);
create table readings (
  meter_id text not null,
  at timestamptz not null,
  kwh numeric(9,3) not null
);
`;

/** Made when the rows are in, which is faster. */
export const keys = `
alter table readings add primary key (meter_id, at);
alter table readings add foreign key (meter_id) references meters;
`;

/**
 * What the service answers and what `cache warm` stores, one row a meter: both read these views, so a warmed value
 * and an answer of the service are the same bytes.
 *
 * The forecast is the mean of each quarter hour of a working day or a weekend day, which grows with the meter: of
 * kwh = mean × (1 + growth × days), growth is found by least squares over all readings, with days counted from the
 * middle of the readings behind the mean.
 */
export const views = `
create function iso(at timestamptz) returns text immutable parallel safe
  return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');

create view latest_readings as
select m.id as meter_id, json_build_object(
    'meterId', m.id, 'kind', m.kind, 'district', m.district, 'tariff', t.name, 'unit', 'kWh',
    'latest', json_build_object('at', iso(r.last), 'kwh', r.kwh),
    'lastDay', r.day,
    'lastWeek', r.week,
    'lastWeekCost', round(r.taken * t.price - r.fed_in * t.feed_in, 2),
    'readings', r.readings
  )::text as readings
from meters m
join tariffs t on t.id = m.tariff_id
cross join lateral (
  select
    end_of.last,
    max(kwh) filter (where at = end_of.last) as kwh,
    sum(kwh) filter (where at > end_of.last - interval '1 day') as day,
    sum(kwh) as week,
    sum(greatest(kwh, 0)) as taken,
    sum(greatest(-kwh, 0)) as fed_in,
    json_agg(json_build_array(iso(at), kwh) order by at desc)
      filter (where at > end_of.last - interval '1 day') as readings
  from (select max(at) as last from readings where meter_id = m.id) end_of
  join readings on meter_id = m.id and at > end_of.last - interval '7 days'
  group by end_of.last
) r;

create view forecasts as
select m.id as meter_id, json_build_object(
    'meterId', m.id, 'kind', m.kind, 'unit', 'kWh',
    'basedOn', f.based_on, 'growthPerDay', f.growth, 'nextDay', f.next_day,
    'quarters', f.quarters
  )::text as forecast
from meters m
cross join lateral (
  with history as materialized (
    select
      at,
      kwh,
      (extract(epoch from at) / 86400)::float8 as day,
      extract(isodow from at at time zone 'UTC') >= 6 as weekend,
      (at at time zone 'UTC')::time as quarter
    from readings
    where meter_id = m.id
  ),
  season as materialized (
    select weekend, quarter, avg(kwh) as kwh, avg(day) as day from history group by weekend, quarter
  ),
  trend as (
    select
      max(h.at) as last,
      count(*) as based_on,
      coalesce(
        sum((h.kwh - s.kwh)::float8 * s.kwh::float8 * (h.day - s.day))
          / nullif(sum((s.kwh::float8 * (h.day - s.day)) ^ 2), 0), 0) as growth
    from history h join season s using (weekend, quarter)
  ),
  ahead as (
    select last + n * interval '15 minutes' as at, based_on, growth
    from trend, generate_series(1, 96) n
  ),
  forecast as (
    select
      a.at,
      a.based_on,
      a.growth,
      round((s.kwh * (1 + a.growth * (extract(epoch from a.at) / 86400 - s.day)))::numeric, 3) as kwh
    from ahead a
    join season s
      on s.weekend = (extract(isodow from a.at at time zone 'UTC') >= 6)
      and s.quarter = (a.at at time zone 'UTC')::time
  )
  select
    min(based_on) as based_on,
    round(min(growth)::numeric, 5) as growth,
    sum(kwh) as next_day,
    json_agg(json_build_array(iso(at), kwh) order by at) as quarters
  from forecast
) f;
`;

/** It has no unique key: a write that is applied twice is seen. */
export const incomingTable = `
create table incoming_readings (meter_id text not null references meters, at timestamptz not null, kwh numeric(9,3))
`;

/** One row a meter; the service adds which one. */
export const warmQueries = {
  latest: 'select meter_id, readings from latest_readings',
  forecast: 'select meter_id, forecast from forecasts',
};

/** The database level's table as that level makes it: the service asks before anything was warmed. */
export const cacheTable = `
create table metrify_cache (key text collate "C" primary key, value bytea not null, expires_at timestamptz);
create index metrify_cache_expires_at_idx on metrify_cache (expires_at);
`;
