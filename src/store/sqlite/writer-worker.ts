/** The entry of the writer's thread in a daemon. */
import { parentPort, workerData } from 'node:worker_threads';
import type { WriterData } from './writer.ts';
import { serve } from './writer-port.ts';

if (parentPort !== null) serve(parentPort, workerData as WriterData);
