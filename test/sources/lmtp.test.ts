// The source port's contract on the LMTP listener, over its real socket.

import { openLmtp } from '../../src/sources/lmtp/open.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { type Answer, describeSourceContract } from './contract.ts';

const ANSWERS: Readonly<Record<string, Answer>> = { 2: 'accepted', 4: 'temporary', 5: 'refused' };

const answerOf = (reply: string | undefined): Answer => ANSWERS[reply?.[0] ?? ''] ?? 'none';

/** A message as it travels: lines that begin with a dot get another. */
const stuffed = (raw: Buffer): string => raw.toString().replace(/^\./gm, '..');

/** Sends one message over a connection of its own; what is refused at RCPT gets no second answer. */
async function send(socket: string, addresses: readonly string[], raw: Buffer): Promise<Answer[]> {
  const wire = await LmtpWire.connect(socket);
  if (wire === undefined) return addresses.map(() => 'none');
  const begun = await wire.begin(addresses);
  const answers = addresses.map((_, index) => answerOf(begun?.recipients[index]));
  const taken = answers.filter((answer) => answer === 'accepted').length;
  const replies = begun?.isDataWanted === true ? await wire.finish(stuffed(raw), taken) : [];
  wire.close();
  const ends = [...replies];
  return answers.map((answer) => (answer === 'accepted' ? answerOf(ends.shift()) : answer));
}

describeSourceContract('LMTP', async (_, intake) => {
  const source = await openLmtp(intake);
  if (source === undefined) throw new Error('no listener');
  const { socket } = intake.config().lmtp;
  return { source, send: (addresses, raw) => send(socket, addresses, raw) };
});
