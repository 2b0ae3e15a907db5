export { childEnvironment } from './environment.js';
export { ConfigModule } from './config.module.js';
export { readLocalClusterSettings, type LocalClusterSettings } from './local-cluster.settings.js';
export { InvalidSettings, readSettings, SETTINGS, type Settings } from './settings.js';
export { VERSION } from './version.js';
