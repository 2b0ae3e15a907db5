import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { Manifest } from './manifests.js';

interface Model {
  validate(): void;
}

/** Where the model of a kind is: Kubernetes's own, or the Prometheus Operator's. */
function moduleOf({ apiVersion, kind }: Manifest): string {
  const operator = apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : undefined;
  return `${operator ?? 'kubernetes-models'}/${apiVersion}/${kind}`;
}

/**
 * Checks values against the schemas of Kubernetes's API.
 * @throws Error where a field is missing or has a value that it cannot have, or the kind is unknown
 */
export async function checkValues(manifest: Manifest): Promise<void> {
  const models = (await import(moduleOf(manifest))) as Record<string, new (data: object) => Model>;
  const Kind = models[manifest.kind];
  if (!Kind) throw new Error(`There is no kind ${manifest.kind} in ${manifest.apiVersion}`);
  new Kind(manifest).validate();
}

/**
 * Checks the names of all fields, which the schemas let pass: a misspelt field would be dropped, or refused on the day.
 * The types that come with the schemas know them, so the compiler is asked, with each manifest as a literal.
 * @returns what the compiler has to say, empty where all is well
 */
export function checkFields(manifests: readonly Manifest[]): string[] {
  const file = fileURLToPath(new URL('./manifests.literal.ts', import.meta.url));
  const lines = manifests.map((manifest, index) => {
    const type = `import('${moduleOf(manifest)}').I${manifest.kind}`;
    return `export const m${index}: ${type} = ${JSON.stringify(manifest)};`;
  });
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const original = { ...host };
  const literal = ts.createSourceFile(file, lines.join('\n'), ts.ScriptTarget.ES2024);
  host.fileExists = (name) => name === file || original.fileExists(name);
  host.getSourceFile = (name, ...rest) => (name === file ? literal : original.getSourceFile(name, ...rest));
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
