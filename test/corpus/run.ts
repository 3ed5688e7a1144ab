/**
 * `npm run corpus`: prints the scores. Exit 1 below a floor, 0 above, 0 with a note when there are no corpora.
 */
import { NO_CORPORA, scoreCorpora } from './score.ts';

const report = await scoreCorpora();
console.log(report?.lines.join('\n') ?? NO_CORPORA);
for (const problem of report?.problems ?? []) console.error(`corpus: ${problem}`);
process.exitCode = report === undefined || report.problems.length === 0 ? 0 : 1;
