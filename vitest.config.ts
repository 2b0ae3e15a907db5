import { defineConfig } from 'vitest/config';

const shared = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
};
const test = {
  setupFiles: ['test/quiet.ts'],
  // Tests wait for conditions, so these only end what hangs; processes start slowly on a busy machine.
  testTimeout: 30_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    projects: [
      {
        ...shared,
        test: {
          ...test,
          name: 'parts',
          include: ['libs/**/*.spec.ts', 'apps/**/*.spec.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...shared,
        // Whole clusters, some of whose tests hold an operation against a bound of time: one file after the other.
        test: { ...test, name: 'system', include: ['test/**/*.spec.ts'], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
