// Makes a fresh clone ready: installs the dependencies and, with --build, builds, each only where that is needed.
// Runs on any Node from 20 on with nothing installed, so it uses nothing but Node.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...path) => join(root, ...path);
const INSTALLED = at('node_modules', '.installed-lock');
const BUILT = at('dist', '.built');

if (Number.parseInt(process.versions.node) < OLDEST_NODE) {
  fail(`Node ${OLDEST_NODE} or newer is needed; this is ${process.version}.`);
}
install();
if (process.argv.includes('--build')) build();

function install() {
  const lock = createHash('sha256')
    .update(readFileSync(at('package-lock.json')))
    .digest('hex');
  const stamp = existsSync(INSTALLED) ? readFileSync(INSTALLED, 'utf8') : '';
  // npm's own note, newer than the lock file where somebody ran npm by hand.
  const byHand = changedAt(at('node_modules', '.package-lock.json')) >= changedAt(at('package-lock.json'));
  if (stamp === lock || (stamp === '' && byHand)) return;
  say('Installing dependencies (npm ci); this takes a minute the first time.');
  // Also where NODE_ENV=production would leave out what the build needs.
  npm(
    ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
    'The dependencies could not be installed',
  );
  writeFileSync(INSTALLED, lock);
}

function build() {
  const sources = ['apps', 'libs', 'package-lock.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'];
  if (changedAt(BUILT) > Math.max(...sources.map((name) => changedAt(at(name))))) return;
  say('Building.');
  const started = new Date();
  npm(['run', '--silent', 'build'], 'The build failed');
  writeFileSync(BUILT, `${started.toISOString()}\n`);
}

/** When a file, or the youngest file of a folder, was changed; 0 where there is none. */
function changedAt(path) {
  if (!existsSync(path)) return 0;
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => changedAt(join(path, name))));
}

function npm(args, problem) {
  // npm tells its scripts where it is itself, which also serves where it is not on PATH.
  const cli = process.env.npm_execpath;
  const { status, error } = cli?.endsWith('.js')
    ? spawnSync(process.execPath, [cli, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    : spawnSync('npm', args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) fail(`${problem}: ${error.message}`);
  if (status !== 0) fail(`${problem} (see above).`);
}

function say(text) {
  console.log(text);
}

function fail(text) {
  console.error(text);
  process.exit(1);
}
