import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { Child } from '#lib/process';
import { eventually, get, makeDirectory, reservePorts, startCluster } from '../cluster/index.js';
import { dashboardQueries, namesIn } from './promql.js';
import { findProgram } from '../tools/debian.program.js';

const observability = new URL('../../observability/', import.meta.url);

interface Health {
  readonly health: string;
  readonly lastError?: string;
}

interface Answer {
  readonly data: {
    readonly activeTargets?: Health[];
    readonly groups?: { readonly rules: (Health & { readonly name: string; readonly state: string })[] }[];
    readonly result?: { readonly value: [at: number, value: string] }[];
  };
}

interface Scrape {
  static_configs: { targets: string[] }[];
}

const program = await findProgram('prometheus');

it('a real Prometheus scrapes three nodes, evaluates every alert and answers what the dashboard asks', async ({
  skip,
}) => {
  if ('why' in program) return skip(program.why);
  await using cluster = await startCluster();
  const directory = makeDirectory();
  const configuration = parse(readFileSync(new URL('prometheus.yml', observability), 'utf8')) as {
    global: object;
    scrape_configs: [Scrape];
  };
  configuration.global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
  configuration.scrape_configs[0].static_configs = [{ targets: cluster.nodes.map(({ port }) => `127.0.0.1:${port}`) }];
  writeFileSync(join(directory, 'alerts.yml'), readFileSync(new URL('alerts.yml', observability)));
  writeFileSync(join(directory, 'prometheus.yml'), stringify(configuration));

  const port = await reservePorts(1);
  const prometheus = await Child.start({
    file: program.file,
    env: program.env,
    args: [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
  });
  try {
    const ask = async (path: string) =>
      JSON.parse((await get(`http://127.0.0.1:${port}/api/v1/${path}`)).text) as Answer;
    await eventually(async () => (await ask('query?query=sum(up)')).data.result?.[0]?.value[1] === '3', {
      what: 'Prometheus to scrape three nodes',
      timeoutMs: 20_000,
    });
    const rules = await eventually(
      async () => {
        const found = (await ask('rules')).data.groups?.flatMap((group) => group.rules) ?? [];
        return found.length > 0 && found.every(({ health }) => health !== 'unknown') ? found : undefined;
      },
      { what: 'every rule to be evaluated', timeoutMs: 20_000 },
    );
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    // A cluster that is well gives no cause for alarm.
    expect(rules.filter(({ state }) => state === 'firing').map(({ name }) => name)).toEqual([]);

    const names = (await ask('label/__name__/values')).data as unknown as string[];
    const metadata = (await ask('metadata')).data as Record<string, unknown>;
    for (const { title, expr } of dashboardQueries()) {
      const answer = await ask(`query?query=${encodeURIComponent(expr)}`);
      expect(answer, title).toMatchObject({ status: 'success' });
      // What has labels has no series before its first event, but the node tells of it.
      for (const name of namesIn(expr).metrics) {
        const told = names.includes(name) || Object.hasOwn(metadata, name.replace(/_(bucket|count|sum)$/, ''));
        expect(told, `${title}: ${name}`).toBe(true);
      }
    }
  } finally {
    await prometheus.stop(5000);
  }
});
