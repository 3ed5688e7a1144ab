import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeBase32 } from '../../src/mail/base32.ts';
import {
  type BoundToken,
  judgeAge,
  MAX_NUMBER,
  MAX_REPLIED_TO,
  mintBoundToken,
  mintSealedToken,
  parseToken,
  SALT_BYTES,
  type SealedToken,
  userKey,
  verifyBoundAddress,
  verifyBoundReply,
  verifySealedToken,
} from '../../src/mail/token.ts';

const bytes = (from: number): Buffer => Buffer.from(Array.from({ length: 32 }, (_, index) => from + index));
const PEPPER = bytes(0x00);
const SALT = bytes(0xa0);
const KEY = userKey(PEPPER, SALT);

function sealed(text: string): SealedToken {
  const token = parseToken(text);
  assert.equal(token?.form, 'sealed', text);
  return token;
}

function bound(text: string): BoundToken {
  const token = parseToken(text);
  assert.equal(token?.form, 'bound', text);
  return token;
}

const numbers = fc.integer({ min: 0, max: MAX_NUMBER });
const sealedClaims = fc.record({
  userNumber: numbers,
  threadNumber: numbers,
  repliedTo: fc.integer({ min: 0, max: MAX_REPLIED_TO }),
  locator: fc.string({ unit: 'grapheme', maxLength: 40 }),
});
const boundClaims = fc.record({
  userNumber: numbers,
  nonce: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  messageId: fc.string({ unit: 'grapheme', maxLength: 60 }),
});
const keys = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** Every text that differs from a token in one bit of what it encodes. */
function flipped(text: string): string[] {
  const original = parseToken(text)!.bytes;
  return Array.from({ length: original.length * 8 }, (_, bit) => {
    const copy = Buffer.from(original);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    return encodeBase32(copy);
  });
}

function mixedCase(text: string, upper: readonly boolean[]): string {
  return Array.from(text, (c, index) => (upper[index] === true ? c.toUpperCase() : c)).join('');
}

describe('the test vectors', () => {
  const boundVectors = [
    [
      1,
      '00000000',
      'go-gitea/gitea/issue/2351/1220588887@domain.tld',
      'aeaaaaaaaeaaaaaa7xv3rg5c6l74ab7jqfjzmkqztjfygfnz',
    ],
    [
      1099511627775,
      'deadbeef',
      'acme/site/pull/7/1893456000@reply.example.org',
      'ah77777777pk3pxp24txywnvqhj2n3xglywuebghuijpvsuw',
    ],
    [
      4711,
      '0badcafe',
      't/123e4567-e89b-12d3-a456-426614174000/1703001234@inbox.example.net',
      'aeaaaaasm4f23sx6lybusdsqotmgm4u3zjrogt4rka5orw6p',
    ],
  ] as const;
  for (const [userNumber, nonceHex, messageId, text] of boundVectors) {
    it(`bound, user ${userNumber}`, () => {
      const nonce = Buffer.from(nonceHex, 'hex');
      assert.equal(mintBoundToken(KEY, { userNumber, nonce, messageId }), text);
      const token = bound(text);
      assert.equal(token.userNumber, userNumber);
      assert.deepEqual(token.nonce, nonce);
      assert.ok(verifyBoundAddress(KEY, token));
      assert.ok(verifyBoundReply(KEY, token, messageId));
    });
  }

  const sealedVectors = [
    [1, 1, 'go-gitea/gitea/issue/2351', 1220588887, 'aiaaaaaaaeaaaaaaafembnkx5gzx3zblz6ykp2ynxktemjsj'],
    [
      4711,
      1099511627775,
      't/123e4567-e89b-12d3-a456-426614174000',
      1703001234,
      'aiaaaaasm777777775sydpesotatbld5sz5zouo6uzzpbbcv',
    ],
    [1099511627775, 42, 'forum/übersicht/9', 1893456000, 'al77777774aaaaaafjynxwea3zcjbw36ogzrhd7ju2fiysuo'],
  ] as const;
  for (const [userNumber, threadNumber, locator, repliedTo, text] of sealedVectors) {
    it(`sealed, user ${userNumber}`, () => {
      assert.equal(mintSealedToken(KEY, { userNumber, threadNumber, repliedTo, locator }), text);
      const token = sealed(text);
      assert.deepEqual(
        [token.userNumber, token.threadNumber, token.repliedTo],
        [userNumber, threadNumber, repliedTo],
      );
      assert.ok(verifySealedToken(KEY, token, locator));
    });
  }
});

describe('a sealed token', () => {
  it('verifies in any mixture of cases and gives back what it was minted for', () => {
    fc.assert(
      fc.property(keys, sealedClaims, fc.array(fc.boolean(), { maxLength: 48 }), (key, claim, upper) => {
        const token = sealed(mixedCase(mintSealedToken(key, claim), upper));
        assert.ok(verifySealedToken(key, token, claim.locator));
        const { userNumber, threadNumber, repliedTo } = token;
        assert.deepEqual({ userNumber, threadNumber, repliedTo, locator: claim.locator }, { ...claim });
      }),
    );
  });

  it('fails with any one of its 240 bits flipped', () => {
    fc.assert(
      fc.property(keys, sealedClaims, (key, claim) => {
        for (const text of flipped(mintSealedToken(key, claim))) {
          const token = parseToken(text);
          assert.ok(token?.form !== 'sealed' || !verifySealedToken(key, token, claim.locator), text);
          assert.ok(token?.form !== 'bound' || !verifyBoundAddress(key, token), text);
        }
      }),
      { numRuns: 10 },
    );
  });

  it('fails under another key and for another locator', () => {
    fc.assert(
      fc.property(keys, keys, sealedClaims, fc.string({ maxLength: 40 }), (key, other, claim, locator) => {
        const token = sealed(mintSealedToken(key, claim));
        fc.pre(!Buffer.from(key).equals(other) && locator !== claim.locator);
        assert.ok(!verifySealedToken(other, token, claim.locator));
        assert.ok(!verifySealedToken(key, token, locator));
      }),
    );
  });

  it('cannot be minted for numbers that do not fit', () => {
    const claim = { userNumber: 1, threadNumber: 1, repliedTo: 1, locator: 'x' };
    for (const change of [
      { userNumber: MAX_NUMBER + 1 },
      { userNumber: -1 },
      { threadNumber: MAX_NUMBER + 1 },
      { repliedTo: MAX_REPLIED_TO + 1 },
      { repliedTo: -1 },
    ]) {
      assert.throws(() => mintSealedToken(KEY, { ...claim, ...change }), RangeError);
    }
  });
});

describe('a bound token', () => {
  it('verifies in any mixture of cases, at RCPT by itself and later with its Message-ID', () => {
    fc.assert(
      fc.property(keys, boundClaims, fc.array(fc.boolean(), { maxLength: 48 }), (key, claim, upper) => {
        const token = bound(mixedCase(mintBoundToken(key, claim), upper));
        assert.equal(token.userNumber, claim.userNumber);
        assert.ok(verifyBoundAddress(key, token));
        assert.ok(verifyBoundReply(key, token, claim.messageId));
      }),
    );
  });

  it('fails with any one of its 240 bits flipped, at RCPT where the bit is in the address part', () => {
    fc.assert(
      fc.property(keys, boundClaims, (key, claim) => {
        flipped(mintBoundToken(key, claim)).forEach((text, bit) => {
          const token = parseToken(text);
          if (token?.form !== 'bound') return;
          assert.equal(verifyBoundAddress(key, token), bit >= 14 * 8, `bit ${bit}`);
          assert.ok(!verifyBoundReply(key, token, claim.messageId), `bit ${bit}`);
        });
      }),
      { numRuns: 10 },
    );
  });

  it('fails under another key and with another Message-ID, its own in another case included', () => {
    fc.assert(
      fc.property(keys, keys, boundClaims, (key, other, claim) => {
        fc.pre(!Buffer.from(key).equals(other));
        const token = bound(mintBoundToken(key, claim));
        assert.ok(!verifyBoundReply(other, token, claim.messageId));
        assert.ok(!verifyBoundReply(key, token, `${claim.messageId}x`));
        assert.ok(!verifyBoundReply(key, token, `<${claim.messageId}>`));
      }),
    );
    const token = bound(mintBoundToken(KEY, { userNumber: 1, nonce: Buffer.alloc(4), messageId: 'a@b' }));
    assert.ok(!verifyBoundReply(KEY, token, 'A@b'));
  });

  it('keeps its two MACs apart: neither stands for the other', () => {
    const token = bound(mintBoundToken(KEY, { userNumber: 1, nonce: Buffer.alloc(4), messageId: '' }));
    assert.notDeepEqual(token.bytes.subarray(10, 14), token.bytes.subarray(14, 18));
  });
});

describe('a text that is no token', () => {
  const text = 'aiaaaaaaaeaaaaaaafembnkx5gzx3zblz6ykp2ynxktemjsj';

  it('is one that was cut, lengthened, respelt or of a form not known', () => {
    for (let length = 0; length < text.length; length++)
      assert.equal(parseToken(text.slice(0, length)), undefined);
    for (const other of [
      `${text}a`,
      ` ${text.slice(1)}`,
      text.replace('i', '1'),
      text.replace('k', '\u212a'),
    ]) {
      assert.equal(parseToken(other), undefined, other);
    }
    for (const form of [0x00, 0x03, 0x81, 0x82, 0xff]) {
      assert.equal(parseToken(encodeBase32(Buffer.alloc(30, form))), undefined);
    }
  });

  it('never throws, and what parses never verifies by chance', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 29, maxLength: 29 }), fc.constantFrom(1, 2), (rest, form) => {
        const token = parseToken(encodeBase32(Buffer.from([form, ...rest])));
        assert.ok(token);
        if (token.form === 'sealed') assert.ok(!verifySealedToken(KEY, token, 'x'));
        else assert.ok(!verifyBoundReply(KEY, token, 'x'));
      }),
    );
    fc.assert(fc.property(fc.string({ maxLength: 60 }), (any) => parseToken(any) === undefined));
  });
});

describe("a user's key", () => {
  const claim = { userNumber: 1, threadNumber: 1, repliedTo: 1, locator: 'x' };

  it('changes with the salt and with the pepper: rotating either voids every address', () => {
    const token = sealed(mintSealedToken(KEY, claim));
    assert.ok(!verifySealedToken(userKey(PEPPER, bytes(0xa1)), token, 'x'));
    assert.ok(!verifySealedToken(userKey(bytes(1), SALT), token, 'x'));
    assert.ok(!verifySealedToken(userKey(SALT, PEPPER), token, 'x'));
    assert.ok(!verifySealedToken(SALT, token, 'x'), 'the database alone forges nothing');
  });

  it('verifies the addresses minted under a previous salt as long as that salt is tried', () => {
    const previous = bytes(0x40);
    const token = sealed(mintSealedToken(userKey(PEPPER, previous), claim));
    const verifies = (salts: Buffer[]) =>
      salts.some((salt) => verifySealedToken(userKey(PEPPER, salt), token, 'x'));
    assert.ok(verifies([SALT, previous]));
    assert.ok(!verifies([SALT]));
  });

  it('never verifies another user’s address, though both had one salt', () => {
    const token = sealed(mintSealedToken(KEY, claim));
    const forged = Buffer.from(token.bytes);
    forged[5] = 2;
    assert.ok(!verifySealedToken(KEY, sealed(encodeBase32(forged)), 'x'));
    assert.equal(SALT.length, SALT_BYTES);
  });
});

describe('the age of a reply, by our own clock', () => {
  const repliedTo = 1_700_000_000;
  const at = repliedTo * 1000;
  const maxAge = 90 * 86_400_000;

  it('is valid up to the maximum to the millisecond', () => {
    assert.equal(judgeAge(repliedTo, at, maxAge), 'valid');
    assert.equal(judgeAge(repliedTo, at + maxAge, maxAge), 'valid');
    assert.equal(judgeAge(repliedTo, at + maxAge + 1, maxAge), 'expired');
    assert.equal(judgeAge(repliedTo, at + 1, 0), 'expired');
  });

  it('allows five minutes into the future to the millisecond', () => {
    assert.equal(judgeAge(repliedTo, at - 300_000, maxAge), 'valid');
    assert.equal(judgeAge(repliedTo, at - 300_001, maxAge), 'in-the-future');
  });

  it('has a verdict for the ends of the field', () => {
    assert.equal(judgeAge(0, at, maxAge), 'expired');
    assert.equal(judgeAge(MAX_REPLIED_TO, at, maxAge), 'in-the-future');
    assert.equal(judgeAge(MAX_REPLIED_TO, MAX_REPLIED_TO * 1000, maxAge), 'valid');
  });
});
