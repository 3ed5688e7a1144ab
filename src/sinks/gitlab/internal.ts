/**
 * Internal notes of GitLab, which only some of those see who see the issue: a reply to one must not be a note for all.
 *
 * Contract: what a reply answers is looked at as its user. In an internal discussion the reply is internal too, or GitLab
 * takes none. A single note that is internal is not answered: a note that is made beside it with `internal` is public
 * without a word where its author may not make such notes.
 * Sources: gitlabhq/gitlabhq, lib/api/discussions.rb and app/policies/note_policy.rb (05f0ebba), lib/api/notes.rb (017a6c12),
 * app/services/notes/build_service.rb (0655a851), lib/api/entities/note.rb.
 */
import { member, members, type PlatformAnswer, refuse, unexpected } from '../platform/client.ts';
import type { Answered, Place } from './place.ts';

/** Gives the address under which a reply is made, below the platform's; `ask` asks as the user. */
export async function notesFor(
  { path, answered }: Place,
  ask: (path: string) => Promise<PlatformAnswer>,
): Promise<string> {
  const everybodys = `${path}/notes`;
  if (answered === undefined) return everybodys;
  const notes = notesIn(answered, await ask(answered.path));
  if (!notes.some(isInternal)) return everybodys;
  if (answered.kind === 'discussions') return `${answered.path}/notes`;
  throw refuse('this answers an internal note, and would be seen by all: answer it in GitLab');
}

function notesIn({ kind }: Answered, answer: PlatformAnswer): readonly unknown[] {
  const notes = kind === 'notes' ? [answer.json] : members(member(answer.json, 'notes'));
  if (notes.some((note) => typeof member(note, 'id') === 'number')) return notes;
  throw unexpected(answer, 'the answer has no note');
}

/** Tells an internal note; before 15.5 it was called confidential alone. */
function isInternal(note: unknown): boolean {
  return member(note, 'internal') === true || member(note, 'confidential') === true;
}
