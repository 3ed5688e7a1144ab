// Signature version 4, against the example that Amazon publishes and a check written from the documented algorithm.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { rootCertificates } from 'node:tls';
import { encodeKey, readAwsKey, signGet } from '../../src/sources/webhook/ses/signature-v4.ts';
import { checkSignature } from '../support/s3.ts';

/** The key of Amazon's examples. */
const KEY = {
  id: 'AKIAIOSFODNN7EXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  session: undefined,
};

const AT = Date.UTC(2013, 4, 24);

describe('a GET to S3', () => {
  it('is signed as the example "GET Object" of the S3 API Reference', () => {
    const headers = signGet(
      {
        host: 'examplebucket.s3.amazonaws.com',
        path: '/test.txt',
        headers: { Range: 'bytes=0-9' },
        region: 'us-east-1',
        at: AT,
      },
      KEY,
    );
    assert.equal(
      headers.authorization,
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
        'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,' +
        'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
  });

  it('is what a check from the documented algorithm takes, with any key of an object and a lent key', () => {
    for (const object of ['a', 'mail/2026/x y', "(ü)!*'~+&=?#", 'a//b/../c', '%41']) {
      for (const session of [undefined, 'FwoGZXIvYXdzEXAMPLE==']) {
        const path = `/bucket/${encodeKey(object)}`;
        const request = { host: '127.0.0.1:9000', path, headers: {}, region: 'eu-west-1', at: AT };
        const headers = signGet(request, { ...KEY, session });
        const key = { id: KEY.id, secret: KEY.secret, region: 'eu-west-1', at: AT };
        assert.equal(checkSignature('GET', path, headers, key), undefined, object);
        assert.equal(decodeURIComponent(path), `/bucket/${object}`);
        for (const other of [{ secret: 'x' }, { region: 'us-east-1' }, { at: AT + 3_600_000 }])
          assert.notEqual(checkSignature('GET', path, headers, { ...key, ...other }), undefined);
        assert.notEqual(checkSignature('GET', `${path}x`, headers, key), undefined);
      }
    }
  });
});

describe('a file with a key', () => {
  it('is read as ~/.aws/credentials, the first profile of it', () => {
    const text =
      '[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n[other]\naws_session_token = C\n';
    assert.deepEqual(readAwsKey(text), { id: 'A', secret: 'B', session: undefined });
    const lent = 'aws_access_key_id=A\r\naws_secret_access_key=B\r\naws_session_token=C\r\n';
    assert.deepEqual(readAwsKey(lent), { id: 'A', secret: 'B', session: 'C' });
  });

  it('is none without both of its lines', () => {
    for (const text of ['', 'AKIA:secret', 'aws_access_key_id = A', 'aws_secret_access_key = B'])
      assert.equal(readAwsKey(text), undefined);
  });
});

describe('the authorities that Node brings', () => {
  it('are those of Amazon Trust Services too, which SNS signs under', () => {
    const names = rootCertificates.map((pem) => new X509Certificate(pem).subject);
    for (const number of [1, 2, 3, 4])
      assert.ok(names.includes(`C=US\nO=Amazon\nCN=Amazon Root CA ${number}`), String(number));
  });
});
