/** The directions of docs/ARCHITECTURE.md: config, process <- redis <- membership <- lock, queue, cache <- metrics, health <- apps. */
const libs = (names) => `^libs/(${names.join('|')})/`;
const mayUse = {
  config: [],
  process: [],
  redis: ['config', 'process'],
  http: ['config', 'redis'],
  membership: ['config', 'redis'],
  lock: ['config', 'redis', 'http', 'membership'],
  queue: ['config', 'redis', 'http', 'membership'],
  cache: ['config', 'redis', 'http', 'membership'],
  metrics: ['config', 'redis', 'http', 'membership', 'lock', 'queue', 'cache'],
  docs: ['http'],
  health: ['config', 'redis', 'http', 'membership', 'lock', 'queue', 'cache', 'metrics'],
};

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    {
      name: 'libs-do-not-know-apps',
      severity: 'error',
      comment: 'Specs and their fixtures may use the harness of test/cluster.',
      from: { path: '^libs/', pathNot: '\\.(spec|fixture)\\.ts$' },
      to: { path: '^(apps|test|scripts)/' },
    },
    {
      name: 'only-through-the-index',
      comment: 'A lib is used through its index.ts; its other files are its own.',
      severity: 'error',
      from: { path: '^(apps|libs/([^/]+))/' },
      to: { path: '^libs/([^/]+)/', pathNot: ['^libs/[^/]+/index\\.ts$', '^libs/$2/'] },
    },
    {
      name: 'no-unlisted-package',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '\\.(spec|fixture)\\.ts$' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    ...Object.entries(mayUse).map(([lib, others]) => ({
      name: `${lib}-uses-only-what-is-below-it`,
      severity: 'error',
      from: { path: libs([lib]) },
      to: { path: '^libs/', pathNot: libs([lib, ...others]) },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { conditionNames: ['source', 'import', 'node', 'default'], exportsFields: ['exports'] },
  },
};
