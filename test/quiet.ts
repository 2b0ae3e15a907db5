import { Logger } from '@nestjs/common';

// Tests provoke what the log warns of; TEST_LOG=1 shows it.
if (process.env['TEST_LOG'] === undefined) Logger.overrideLogger(false);
