import { defineConfig } from 'vitest/config';
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['{apps,libs,test}/**/*.spec.ts'],
    setupFiles: ['test/quiet.ts'],
    // Tests wait for conditions, so these only end what hangs; processes start slowly on a busy machine.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
