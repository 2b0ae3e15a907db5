import { defineConfig } from 'vitest/config';

/** The search that is too long for every test run: `npm run model`. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: { include: ['test/model/deep.search.ts'] },
});
