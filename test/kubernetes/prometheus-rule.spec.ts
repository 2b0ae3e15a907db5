import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { K8S } from './manifests.js';

it('the rule for the Prometheus Operator is observability/alerts.yml (else: npm run docs:alerts)', async () => {
  const { groups } = parse(readFileSync(join(K8S, '../observability/alerts.yml'), 'utf8')) as { groups: unknown };
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'sync-node', labels: { 'app.kubernetes.io/name': 'sync-node' } },
    spec: { groups },
  };
  const text = `# Made from observability/alerts.yml by npm run docs:alerts.\n${stringify(rule)}`;
  const file = join(K8S, 'components/monitoring/prometheus-rule.yaml');
  await expect(await format(text, { ...(await resolveConfig(file)), parser: 'yaml' })).toMatchFileSnapshot(file);
});
