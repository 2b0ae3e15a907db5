import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IConfigMap, IService } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { readSettings, VERSION } from '#lib/config';
import { findKustomize, K8S, partsOf, type Manifest } from './manifests.js';
import { checkFields, checkValues } from './schemas.js';

const OVERLAYS = ['with-redis', 'external-redis', 'monitored'];
const kustomize = await findKustomize();
const whyNot = 'why' in kustomize ? kustomize.why : '';

/** Everything that the manifests must be, whether put together by kustomize or as they are written down. */
const sets: { name: string; manifests: Manifest[] | undefined }[] = [
  { name: 'what is written down', manifests: partsOf('.') },
];
for (const overlay of OVERLAYS) {
  const manifests = 'why' in kustomize ? undefined : await kustomize(`overlays/${overlay}`);
  sets.push({ name: `the overlay ${overlay}`, manifests });
}

const named = (manifests: Manifest[], kind: string, name: string): unknown => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (!found) throw new Error(`There is no ${kind} ${name}`);
  return found;
};
const all = (manifests: Manifest[], kind: string): unknown[] => manifests.filter((one) => one.kind === kind);

function podOf(set: IStatefulSet) {
  const pod = set.spec?.template.spec;
  const [container] = pod?.containers ?? [];
  if (!pod || !container || pod.containers.length !== 1) throw new Error('Not a pod of one container');
  return { pod, container };
}

describe.each(sets)('$name', ({ manifests }) => {
  const rendered = (skip: (why: string) => never): Manifest[] => manifests ?? skip(whyNot);

  it('fits the schemas of Kubernetes, and has no field that they do not know', async ({ skip }) => {
    const objects = rendered(skip);
    expect(objects.length).toBeGreaterThan(10);
    for (const manifest of objects) await checkValues(manifest);
    expect(checkFields(objects)).toEqual([]);
  });

  it('runs three nodes at once, spread over machines, and takes one away at a time', ({ skip }) => {
    const objects = rendered(skip);
    const { spec } = named(objects, 'StatefulSet', 'sync-node') as IStatefulSet;
    expect(spec).toMatchObject({ replicas: 3, podManagementPolicy: 'Parallel', serviceName: 'sync-nodes' });
    expect(spec?.template.spec?.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey)).toContain(
      'kubernetes.io/hostname',
    );
    const budget = named(objects, 'PodDisruptionBudget', 'sync-node') as IPodDisruptionBudget;
    expect(budget.spec?.maxUnavailable).toBe(1);
    expect(budget.spec?.selector).toEqual(spec?.selector);
  });

  it('asks the routes that a node has for how it is', ({ skip }) => {
    const { container } = podOf(named(rendered(skip), 'StatefulSet', 'sync-node') as IStatefulSet);
    const port = container.ports?.find(({ name }) => name === 'http')?.containerPort;
    expect(container.env?.find(({ name }) => name === 'PORT')?.value).toBe(String(port));
    expect(container.startupProbe?.httpGet).toEqual({ path: '/health/startup', port: 'http' });
    expect(container.livenessProbe?.httpGet).toEqual({ path: '/health/live', port: 'http' });
    expect(container.readinessProbe?.httpGet).toEqual({ path: '/health/ready', port: 'http' });
  });

  it('gives a node the time that it takes to stop', ({ skip }) => {
    const objects = rendered(skip);
    const { pod, container } = podOf(named(objects, 'StatefulSet', 'sync-node') as IStatefulSet);
    // What is only written down gets its settings from the kustomization.
    const config = all(objects, 'ConfigMap')[0] as IConfigMap | undefined;
    const settings = readSettings(config?.data ?? {});
    // The node itself serves on until balancers have heard of it.
    expect(container.lifecycle).toBeUndefined();
    const { periodSeconds = 10, failureThreshold = 3 } = container.readinessProbe ?? {};
    if (config) expect(settings.SHUTDOWN_NOTICE_MS).toBeGreaterThan(periodSeconds * failureThreshold * 1000);
    const { SHUTDOWN_NOTICE_MS, SHUTDOWN_GRACE_MS, REDIS_TIMEOUT_MS } = settings;
    const stopMs = SHUTDOWN_NOTICE_MS + SHUTDOWN_GRACE_MS + 2 * REDIS_TIMEOUT_MS;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(stopMs / 1000 + 5);
  });

  it('names every node by its pod, and reaches each from outside by a port of its own', ({ skip }) => {
    const objects = rendered(skip);
    const { container } = podOf(named(objects, 'StatefulSet', 'sync-node') as IStatefulSet);
    expect(container.env?.find(({ name }) => name === 'NODE_ID')?.valueFrom?.fieldRef?.fieldPath).toBe('metadata.name');
    for (const number of [0, 1, 2]) {
      const { spec } = named(objects, 'Service', `sync-node-${number}`) as IService;
      expect(spec?.type).toBe('NodePort');
      expect(spec?.selector).toEqual({ 'statefulset.kubernetes.io/pod-name': `sync-node-${number}` });
      expect(spec?.ports).toMatchObject([{ nodePort: 30_001 + number, targetPort: 'http' }]);
    }
    const { spec } = named(objects, 'Service', 'sync') as IService;
    expect(spec?.selector).toEqual({ 'app.kubernetes.io/name': 'sync-node' });
    expect(spec?.ports).toMatchObject([{ targetPort: 'http' }]);
  });

  it('takes from every pod what it does not need', ({ skip }) => {
    const objects = rendered(skip);
    const { metadata } = named(objects, 'Namespace', 'sync') as Manifest;
    expect(metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    for (const set of all(objects, 'StatefulSet') as IStatefulSet[]) {
      const { pod, container } = podOf(set);
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(pod.securityContext?.runAsUser).toBeGreaterThan(0);
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container.resources).toMatchObject({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
    }
  });

  it('runs images of one version', ({ skip }) => {
    for (const set of all(rendered(skip), 'StatefulSet') as IStatefulSet[]) {
      expect(podOf(set).container.image).toMatch(/:\d+\.\d+/);
    }
    const { container } = podOf(named(rendered(skip), 'StatefulSet', 'sync-node') as IStatefulSet);
    expect(container.image).toMatch(new RegExp(`:${VERSION.replaceAll('.', '\\.')}$`));
  });

  it('lets nothing talk to anything, but clients to nodes and nodes to Redis and DNS', ({ skip }) => {
    const policies = all(rendered(skip), 'NetworkPolicy') as INetworkPolicy[];
    const everything = policies.find(({ metadata }) => metadata?.name === 'default-deny');
    expect(everything?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    for (const { spec } of policies) {
      for (const rule of [...(spec?.ingress ?? []), ...(spec?.egress ?? [])]) expect(rule.ports).not.toHaveLength(0);
    }
    const names = policies.map(({ metadata }) => metadata?.name);
    expect(names).toEqual(expect.arrayContaining(['allow-dns', 'allow-clients', 'allow-nodes-to-redis']));
  });
});

describe('put together', () => {
  const rendered = (overlay: string, skip: (why: string) => never): Manifest[] =>
    sets.find(({ name }) => name.endsWith(` ${overlay}`))?.manifests ?? skip(whyNot);
  const configOf = (manifests: Manifest[]) => {
    const [config] = all(manifests, 'ConfigMap') as IConfigMap[];
    if (!config?.data) throw new Error('There is no configuration');
    return { name: config.metadata?.name, data: config.data };
  };

  it.for(OVERLAYS)('%s gives the nodes settings that they take', (overlay, { skip }) => {
    const manifests = rendered(overlay, skip);
    const { name, data } = configOf(manifests);
    const settings = readSettings(data);
    for (const setting of Object.keys(data)) expect(settings).toHaveProperty(setting);
    const { container } = podOf(named(manifests, 'StatefulSet', 'sync-node') as IStatefulSet);
    expect(container.envFrom?.[0]).toEqual({ configMapRef: { name } });
    // Another content is another name, which replaces the pods.
    expect(name).toMatch(/^sync-config-[a-z0-9]+$/);
  });

  it('with-redis brings its Redis, which keeps what it was told', ({ skip }) => {
    const manifests = rendered('with-redis', skip);
    const { container } = podOf(named(manifests, 'StatefulSet', 'redis') as IStatefulSet);
    expect(container.args?.join(' ')).toContain('--appendonly yes --appendfsync always --maxmemory-policy noeviction');
    expect(all(manifests, 'Secret')).toHaveLength(1);
  });

  it.for(['external-redis', 'monitored'])('%s never runs open, and has no secret in its files', (overlay, { skip }) => {
    const manifests = rendered(overlay, skip);
    expect(all(manifests, 'Secret')).toHaveLength(0);
    expect(() => named(manifests, 'StatefulSet', 'redis')).toThrow();
    const { pod, container } = podOf(named(manifests, 'StatefulSet', 'sync-node') as IStatefulSet);
    const file = configOf(manifests).data['API_TOKENS_FILE'] ?? '';
    const mount = container.volumeMounts?.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
    expect(mount?.subPath).toBeUndefined();
    const volume = pod.volumes?.find(({ name }) => name === mount?.name);
    expect(volume?.secret).toMatchObject({ secretName: 'sync-tokens', optional: false });
    expect(container.envFrom).toContainEqual({ secretRef: { name: 'sync-redis' } });
  });
});

it('docs/KUBERNETES.md speaks of files that are there', () => {
  const text = readFileSync(join(K8S, '../docs/KUBERNETES.md'), 'utf8');
  const named = new Set([...text.matchAll(/k8s\/(?:base|overlays|components)[\w./-]*[\w]/g)].map(([path]) => path));
  named.delete('k8s/overlays/mine');
  named.delete('k8s/overlays/mine/kustomization.yaml');
  expect(named.size).toBeGreaterThan(3);
  for (const path of named) expect(existsSync(join(K8S, '..', path)), path).toBe(true);
});

describe('what checks the manifests', () => {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: { ports: [{ port: 80 }] } };

  it('finds wrong values', async () => {
    await checkValues(service);
    await expect(checkValues({ ...service, spec: { ports: [{ port: '80' }] } } as Manifest)).rejects.toThrow();
    await expect(checkValues({ ...service, kind: 'Servant' })).rejects.toThrow();
  });

  it('finds fields that do not exist', () => {
    expect(checkFields([service])).toEqual([]);
    expect(checkFields([{ ...service, spec: { ports: [{ port: 80, nodeport: 30_001 }] } } as Manifest])).toHaveLength(
      1,
    );
  });
});
