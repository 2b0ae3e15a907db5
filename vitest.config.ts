import { defineConfig } from 'vitest/config';
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: { include: ['{apps,libs,test}/**/*.spec.ts'], setupFiles: ['test/quiet.ts'] },
});
