import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readSettings } from '#lib/config';

interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
}

const root = new URL('../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');
const { services, volumes } = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const entries = Object.entries(services);
const nodes = entries.filter(([name]) => name.startsWith('node'));

describe('docker-compose.yml', () => {
  it('runs Redis and three nodes, and what watches them where asked for', () => {
    const always = entries.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name);
    expect(always).toEqual(['redis', 'node1', 'node2', 'node3']);
    const watching = entries.filter(([, { profiles }]) => profiles?.includes('monitoring')).map(([name]) => name);
    expect(watching).toEqual(['prometheus', 'grafana']);
  });

  it.each(entries)('%s takes no more than it is given, and nobody but this machine reaches it', (name, service) => {
    expect(service).toMatchObject({
      restart: 'unless-stopped',
      read_only: true,
      security_opt: ['no-new-privileges:true'],
      mem_limit: expect.any(String),
      cpus: expect.any(Number),
      pids_limit: expect.any(Number),
    });
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    // Of one version; the nodes' own is built here.
    if (!name.startsWith('node')) expect(service.image).toMatch(/:v?\d+\.\d+/);
  });

  it.each(entries)('%s has its files where they are said to be', (_, { volumes: mounts = [] }) => {
    for (const mount of mounts) {
      const [source = ''] = mount.split(':');
      if (source.startsWith('.')) expect(existsSync(fileURLToPath(new URL(source, root))), source).toBe(true);
      else expect(Object.keys(volumes)).toContain(source);
    }
  });

  it.each(nodes)('%s gets settings that it takes, and the time that it takes to stop', (name, service) => {
    // `${REDIS_URL:-redis://redis:6379}` is the value after its dash where .env does not give another.
    const given = Object.entries(service.environment ?? {}).map(([setting, value]) => [
      setting,
      String(value).replace(/^\$\{\w+:-(.*)\}$/, '$1'),
    ]);
    const settings = readSettings(Object.fromEntries(given) as Record<string, string>);
    for (const [setting] of given) expect(settings).toHaveProperty(String(setting));
    expect(settings).toMatchObject({ NODE_ID: name, REDIS_URL: 'redis://redis:6379' });
    expect(service.ports).toEqual([`127.0.0.1:${settings.PORT}:${settings.PORT}`]);
    const { SHUTDOWN_NOTICE_MS, SHUTDOWN_GRACE_MS, REDIS_TIMEOUT_MS } = settings;
    const stopMs = SHUTDOWN_NOTICE_MS + SHUTDOWN_GRACE_MS + 2 * REDIS_TIMEOUT_MS;
    expect(Number.parseInt(service.stop_grace_period ?? '') * 1000).toBeGreaterThan(stopMs);
  });

  it('runs the Grafana whose schema the dashboard was checked against', () => {
    const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: Record<string, string> };
    expect(services['grafana']?.image).toBe(`grafana/grafana:${devDependencies['@grafana/schema']}`);
  });

  it('scrapes every node', () => {
    const { scrape_configs } = parse(read('observability/prometheus.yml')) as {
      scrape_configs: [{ static_configs: [{ targets: string[] }] }];
    };
    const targets = nodes.map(([name, { environment }]) => `${name}:${String(environment?.['PORT'])}`);
    expect(scrape_configs[0].static_configs[0].targets).toEqual(targets);
  });
});
