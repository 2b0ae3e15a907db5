import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { fetchKubectl } from '../tools/kubectl.js';

const run = promisify(execFile);

/** The folder of the manifests. */
export const K8S = fileURLToPath(new URL('../../k8s/', import.meta.url));

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** The objects of a text of one or more YAML documents. */
function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS() as Manifest;
  });
}

/** Since this major version all that the manifests use works without a warning. */
const OLDEST_KUSTOMIZE = 5;

type Render = (folder: string) => Promise<Manifest[]>;

/**
 * Finds what renders a kustomization: kubectl, which has kustomize in it, or kustomize itself; on PATH, else fetched.
 * @returns why there is none
 */
export async function findKustomize(): Promise<Render | { readonly why: string }> {
  const programs = [
    { file: 'kubectl', version: ['version', '--client'], build: 'kustomize' },
    { file: 'kustomize', version: ['version'], build: 'build' },
  ];
  for (const { file, version, build } of programs) {
    const { stdout } = await run(file, version).catch(() => ({ stdout: '' }));
    const major = Number(/(?:Kustomize Version: |^)v(\d+)/m.exec(stdout)?.[1] ?? 0);
    if (major >= OLDEST_KUSTOMIZE) return renderBy(file, build);
  }
  const fetched = await fetchKubectl();
  return 'why' in fetched ? fetched : renderBy(fetched.file, 'kustomize');
}

function renderBy(file: string, build: string): Render {
  return async (folder) => parseManifests((await run(file, [build, join(K8S, folder)])).stdout);
}

/** The objects that are written down under a folder, before anything is put together. */
export function partsOf(folder: string): Manifest[] {
  return readdirSync(join(K8S, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml') && !file.endsWith('kustomization.yaml'))
    .sort()
    .flatMap((file) => parseManifests(readFileSync(join(K8S, folder, file), 'utf8')));
}
