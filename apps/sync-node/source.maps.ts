import { setSourceMapsSupport } from 'node:module';

/** Stacks name our own sources, where Node was told to; the maps of libraries would take some megabytes. */
if (process.sourceMapsEnabled) setSourceMapsSupport(true, { nodeModules: false });
