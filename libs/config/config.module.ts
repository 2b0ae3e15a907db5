import { Global, Module } from '@nestjs/common';
import { readSettings, SETTINGS } from './settings.js';

/** Provides the settings of this process to every module. */
@Global()
@Module({
  providers: [{ provide: SETTINGS, useFactory: () => readSettings(process.env) }],
  exports: [SETTINGS],
})
export class ConfigModule {}
