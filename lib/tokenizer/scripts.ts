/**
 * Texts split where the script changes, as the Rust package "tokenizers" does it: Chinese and Japanese are one script, and what
 * belongs to none goes with what is before it.
 *
 * @module
 */

import { scriptless } from "./unicode_tables.ts";

const names = (
  "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki " +
  "Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee " +
  "Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra " +
  "Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek " +
  "Gujarati Gunjala_Gondi Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana " +
  "Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana " +
  "Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin Lepcha Limbu " +
  "Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi " +
  "Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani " +
  "Myanmar Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki " +
  "Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian " +
  "Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician " +
  "Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian " +
  "Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri " +
  "Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Vai " +
  "Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square"
).split(" ");

const isScriptless = new RegExp(`^[ ${scriptless}]$`, "u");
let tests: readonly (readonly [string, RegExp])[] | undefined;
const known = new Map<string, string | undefined>();

/** Characters whose script another version of Unicode calls otherwise. */
const otherwise: Readonly<Record<string, string>> = {
  "\u0589": "Common",
  "\u061c": "Common",
  "\u0953": "Devanagari",
  "\u0954": "Devanagari",
  "ー": "Han",
};

/** Script of a character; undefined: none. */
function scriptOf(character: string): string | undefined {
  if (known.has(character)) return known.get(character);
  tests ??= names.map((name) => [name, new RegExp(`^\\p{Script=${name}}$`, "u")] as const);
  const found = isScriptless.test(character)
    ? undefined
    : otherwise[character] ?? tests.find(([, test]) => test.test(character))?.[0];
  const script = found === "Hiragana" || found === "Katakana" ? "Han" : found;
  known.set(character, script);
  return script;
}

/** Pieces of one script each; what is before the first character of a script is left out. */
export function splitAtScripts(text: string): string[] {
  const starts: number[] = [];
  let last: string | undefined;
  let at = 0;
  for (const character of text) {
    const script = scriptOf(character);
    if (script !== undefined && script !== last) {
      starts.push(at);
      last = script;
    }
    at += character.length;
  }
  return starts.map((start, i) => text.slice(start, starts[i + 1]));
}
