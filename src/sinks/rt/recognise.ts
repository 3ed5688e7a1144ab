/**
 * Request Tracker's notifications, told by their header.
 *
 * Contract: a notification names its ticket, and its own loop prevention bears the same name: other mail that quotes a
 * ticket in its header has no such pair. The time of the post is the one in the Message-ID that Request Tracker wrote.
 * Limits: mail about no ticket, such as a dashboard, is none.
 */
import { type Header, headerValues } from '../../mail/header.ts';
import type { Recognise } from '../../mail/recognise.ts';
import { ticketThread } from './ticket.ts';

/** The name of an installation, and a ticket of it. */
const TICKET = /^(\S(?:.*\S)?) #([1-9]\d{0,9})$/;

/** `<rt-VERSION-PID-TIME-CHANCE.TICKET-SCRIP-SENT@ORGANIZATION>`; the version may have hyphens. */
const MESSAGE_ID = /^<rt-\S+-\d+-(\d{9,10})-\d+\.(\d+)-\d+-\d+@[^\s<>@]+>$/;

/** Makes what recognises the notifications of an installation; of any where no name is given. */
export function recogniseTickets(rtname: string | undefined): Recognise {
  return ({ header }) => {
    const ticket = only(header, 'x-rt-ticket', 'rt-ticket');
    const [, name, id] = TICKET.exec(ticket ?? '') ?? [];
    if (name === undefined || id === undefined || (rtname !== undefined && name !== rtname)) return undefined;
    if (only(header, 'x-rt-loop-prevention', 'rt-loop-prevention') !== name) return undefined;
    const [, seconds, about] = MESSAGE_ID.exec(only(header, 'message-id') ?? '') ?? [];
    return {
      thread: ticketThread(id),
      repliedTo: seconds === undefined || about !== id ? undefined : Number(seconds) * 1000,
    };
  };
}

/** Gives the value of a field that stands once, under one of its names: versions before 5 wrote none with X-. */
function only(header: Header, ...names: readonly string[]): string | undefined {
  const [value, ...more] = names.flatMap((name) => headerValues(header, name));
  return more.length > 0 ? undefined : value?.trim();
}
