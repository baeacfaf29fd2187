/** A typed array in an element of the page; see `Blocks`. */
export interface Block {
  id: string;
  dtype: "int32" | "float32" | "float64";
  length: number;
  filter: "none" | "shuffle";
}

/** Strings in blocks of `per`. */
export interface StringsHead {
  count: number;
  per: number;
  ids: string[];
}

export type Numbers = Int32Array | Float32Array | Float64Array;

const ARRAYS = { int32: Int32Array, float32: Float32Array, float64: Float64Array };

/** Bytes of base64 text. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64;
  if (native !== undefined) return native.call(Uint8Array, text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** Bytes of zlib data, by the browser's own stream. */
export async function inflate(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Reads the data elements of a page, each once; what has been read is taken out of the document. */
export class Blocks {
  constructor(private readonly find: (id: string) => Element | null) {}

  /** The array of a block. */
  async numbers(block: Block): Promise<Numbers> {
    const bytes = await this.content(block.id);
    const array = ARRAYS[block.dtype];
    const width = array.BYTES_PER_ELEMENT;
    if (bytes.length !== width * block.length) {
      throw damaged(block.id);
    }
    const plain = block.filter === "shuffle" ? joinPlanes(bytes, width) : bytes;
    return new array(plain.buffer, 0, block.length);
  }

  async int32(block: Block): Promise<Int32Array> {
    return (await this.numbers(block)) as Int32Array;
  }

  /** The strings of one block. */
  async strings(id: string): Promise<string[]> {
    const strings: unknown = parsed(new TextDecoder().decode(await this.content(id)));
    if (!Array.isArray(strings) || !strings.every((own) => typeof own === "string")) throw damaged(id);
    return strings;
  }

  /** Content and type of a media element, which stays in the document; null if it has none. */
  file(id: string): Blob | null {
    const element = this.find(id);
    if (element === null) return null;
    return new Blob([fromBase64(element.textContent ?? "")], { type: element.getAttribute("data-type") ?? "" });
  }

  private async content(id: string): Promise<Uint8Array<ArrayBuffer>> {
    const element = this.find(id);
    if (element === null) throw new Error(`the page lacks its block ${id}: the file is not complete`);
    const text = element.textContent ?? "";
    element.remove();
    try {
      return await inflate(fromBase64(text));
    } catch {
      throw damaged(id);
    }
  }
}

/** Strings that are read block by block, when they are first asked for. */
export class Strings {
  readonly count: number;
  readonly #loaded: (string[] | Promise<string[]> | undefined)[] = [];

  constructor(
    private readonly head: StringsHead,
    private readonly source: Blocks,
  ) {
    this.count = head.count;
  }

  get per(): number {
    return this.head.per;
  }

  get blocks(): number {
    return this.head.ids.length;
  }

  /** The string at a place, undefined while its block is not there; `load` brings it. */
  at(place: number): string | undefined {
    const block = this.#loaded[Math.floor(place / this.head.per)];
    return Array.isArray(block) ? block[place % this.head.per] : undefined;
  }

  /** Reads the block of a place. */
  async load(place: number): Promise<string> {
    const block = await this.block(Math.floor(place / this.head.per));
    return block[place % this.head.per];
  }

  /** All strings of block number b. */
  async block(b: number): Promise<string[]> {
    const known = this.#loaded[b];
    if (known !== undefined) return known;
    const reading = this.source.strings(this.head.ids[b]).then((strings) => (this.#loaded[b] = strings));
    this.#loaded[b] = reading;
    return reading;
  }

  /** All blocks, one after the other, each with the place of its first string. */
  async *all(): AsyncGenerator<[number, string[]]> {
    for (let b = 0; b < this.blocks; b++) yield [b * this.head.per, await this.block(b)];
  }
}

function damaged(id: string): Error {
  return new Error(`the page's block ${id} is damaged: write the page anew with "hyperclade report"`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function joinPlanes(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  const count = bytes.length / width;
  const joined = new Uint8Array(bytes.length);
  for (let plane = 0; plane < width; plane++) {
    const from = plane * count;
    for (let i = 0, to = plane; i < count; i++, to += width) joined[to] = bytes[from + i];
  }
  return joined;
}
