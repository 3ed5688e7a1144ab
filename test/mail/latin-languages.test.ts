// Text in Latin letters under the label of another Latin charset, and under its own, which nothing may overrule.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeText } from '../../src/mail/charset.ts';
import { encode } from '../reply/support/encode.ts';
import { shortestMs } from '../support/elapsed.ts';

const WESTERN = ['iso-8859-1', 'windows-1252', 'iso-8859-15'];
const CENTRAL = ['iso-8859-2', 'windows-1250'];
const TURKISH = ['iso-8859-9', 'windows-1254'];
const BALTIC = ['windows-1257', 'iso-8859-13'];

const TEXTS: readonly (readonly [language: string, charsets: readonly string[], text: string])[] = [
  [
    'Icelandic',
    WESTERN,
    'Ég breytti breidd myndarinnar og nú sést hún rétt. Takk fyrir skjótt svar, það hjálpaði öllum við þetta.',
  ],
  ['Icelandic in few letters', WESTERN, 'Staðfesta að merkja allt sem lesið, nafnið þitt og skilaboð.'],
  [
    'Faroese',
    WESTERN,
    'Eg broytti breiddina á myndini, og nú sæst hon rætt. Takk fyri skjóta svarið, góða kvøldið.',
  ],
  [
    'Estonian',
    WESTERN.slice(1),
    'Muutsin pildi laiust ja nüüd on kõik õige. Pealkiri lõikelauale, tõuge välja, tühi.',
  ],
  [
    'Danish',
    WESTERN,
    'Jeg ændrede bredden på billedet, så nu ser det rigtigt ud. Tak for det hurtige svar, også på søndag.',
  ],
  [
    'Portuguese',
    WESTERN,
    'Corrigi a largura da imagem e já não há problema. Amanhã verei as outras secções, obrigação minha.',
  ],
  [
    'Croatian',
    CENTRAL,
    'Mrežna pogreška. Otključajte za prikaz lozinke, pošaljite poruku i pokušajte ponovno sljedeći put.',
  ],
  [
    'Slovene',
    CENTRAL,
    'Širino slike sem popravil, zdaj je vse v redu. Hvala za hiter odgovor, več napišem pozneje, že jutri.',
  ],
  [
    'Slovak',
    CENTRAL,
    'Šírku obrázka som zmenil, už sa zobrazuje správne. Ďakujem za rýchlu odpoveď, vyskúšam ešte ľavý okraj.',
  ],
  [
    'Romanian',
    CENTRAL,
    'Am modificat lăţimea imaginii şi acum se vede bine. Mulţumesc pentru răspunsul rapid, până mâine.',
  ],
  [
    'Turkish',
    TURKISH,
    'Resmin genişliğini düzelttim, şimdi doğru görünüyor. Teşekkür ederim, yarın İzmir için bakacağım.',
  ],
  [
    'Lithuanian',
    BALTIC,
    'Pakeičiau paveikslėlio plotį ir dabar jis rodomas teisingai. Ačiū už greitą atsakymą, rašysiu vėliau.',
  ],
  [
    'Latvian',
    BALTIC,
    'Nomainīju attēla platumu, un tagad tas ir redzams pareizi. Paldies par ātro atbildi, rakstīšu vēlāk.',
  ],
];

/** Names of other languages, and signs that people write beside letters. */
const NAMES = [
  'Müller',
  'José Muñoz',
  'Françoise',
  'Åke Öberg',
  'Škoda',
  'Győr',
  'Dvořák',
  'Ağaoğlu',
  'Þórður',
  'João',
  'Kraków',
  '20 m³',
  '5 °C',
  'l´été',
  '½ Stunde',
  '§ 5',
  '3×4',
  'Ver\u00adein',
];

function encoded(text: string, charset: string): Buffer | undefined {
  try {
    return encode(text, charset);
  } catch {
    return undefined; // the charset lacks a character
  }
}

describe('a right label of Latin letters', () => {
  for (const [language, charsets, text] of TEXTS) {
    it(`is believed, with names of any language in the text: ${language}`, () => {
      for (const charset of charsets) {
        assert.equal(decodeText(encode(text, charset), charset), text, charset);
        for (const sentence of text.split(/(?<=[.,]) /)) {
          for (const name of NAMES) {
            const whole = `${sentence}\n${name}, ${NAMES[0] ?? ''}`;
            const bytes = encoded(whole, charset);
            if (bytes !== undefined) assert.equal(decodeText(bytes, charset), whole, charset);
          }
        }
      }
    });
  }

  it('is believed of Japanese without a word of kana, and of frames in KOI8-R', () => {
    const japanese = '密度\n差出人情報を編集\n詳細を表示';
    assert.equal(decodeText(encode(japanese, 'euc-jp'), 'euc-jp'), japanese);
    const table = '╓───╖ Имя ╢ Да\n';
    assert.equal(decodeText(encode(table, 'koi8-r'), 'koi8-r'), table);
  });
});

describe('a wrong label of Latin letters', () => {
  it('gives way where the text by it fits no language', () => {
    const readable = /^(Romanian|Turkish|Icelandic|Portuguese)$/;
    let pairs = 0;
    for (const [language, charsets, text] of TEXTS.filter(([name]) => readable.test(name))) {
      const labels = charsets === WESTERN ? CENTRAL : WESTERN;
      for (const charset of charsets) {
        for (const label of labels) {
          pairs++;
          assert.equal(decodeText(encode(text, charset), label), text, `${language}, ${charset} as ${label}`);
        }
      }
    }
    assert.equal(pairs, 24);
  });

  it('gives way of letters of Ukraine under that of Russia, and of Latin ones under one of East Asia', () => {
    const ukrainian = 'Ширину зображення виправлено, дякую за відповідь.';
    assert.equal(decodeText(encode(ukrainian, 'koi8-u'), 'koi8-r'), ukrainian);
    const german = 'Schöne Grüße aus München, das Bild ist schärfer.';
    for (const label of ['big5', 'shift_jis', 'gb18030', 'euc-kr'])
      assert.equal(decodeText(encode(german, 'iso-8859-1'), label), german, label);
  });
});

describe('a mebibyte of accents', () => {
  it('takes linear time', () => {
    for (const piece of ['é', 'aé ', 'ñÿ', '¹a', 'aB²c ']) {
      const bytes = Buffer.from(piece.repeat((1 << 20) / piece.length), 'latin1');
      for (const label of ['iso-8859-1', 'iso-8859-2', 'big5', 'utf-8']) {
        const tookMs = shortestMs(1000, () => decodeText(bytes, label));
        assert.ok(tookMs < 1000, `${piece} ${label}: ${tookMs} ms`);
      }
    }
  });
});
