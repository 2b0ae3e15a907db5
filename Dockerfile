# One node of the system. Everything it needs at run time is in /app; it writes nowhere.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY apps apps
COPY libs libs
# Declarations and source maps are half of what packages weigh, and nothing at run time reads any.
RUN npm run --silent build \
  && npm prune --omit=dev --omit=optional --no-audit --no-fund --loglevel=error \
  && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.[cm]ts' \) -delete

# Compiled code, which each start then only loads: what a node leaves that starts without Redis and is stopped. Node keeps
# it apart by user and by path.
RUN mkdir compiled && chown node compiled
USER node
RUN NODE_ENV=production NODE_COMPILE_CACHE=/app/compiled SHUTDOWN_NOTICE_MS=0 timeout --preserve-status 8 \
  node --enable-source-maps --import ./dist/apps/sync-node/signals.js dist/apps/sync-node/main.js

FROM node:24-slim
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compiled
WORKDIR /app
COPY --from=build /app/package.json ./
COPY openapi.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/compiled compiled
USER node
EXPOSE 8001
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8001}/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "--import", "./dist/apps/sync-node/signals.js", "dist/apps/sync-node/main.js"]
