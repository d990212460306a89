/** The lines: as people wrote them, and folded for searching, a chunk at a time. */
import { Chinese, Header, Source, readJson } from "./data";
import { Folder } from "./fold";

export interface Chunk {
  /** Number of its first line. */
  first: number;
  text: string;
  /** Where each line begins in `text`, and behind it the end. */
  starts: Uint32Array;
  /** UTF-16 units of the folded lines, 0 behind each. */
  folded: Uint16Array;
}

export class Texts {
  /** Of those read, in the order of their lines. */
  readonly chunks: Chunk[] = [];
  songs: string[] = [];
  chinese: Chinese = { fold: {}, readings: {}, finals: {} };
  folder = new Folder({});
  complete = false;
  private wanted = 0; // a line whose chunk is read next

  constructor(private readonly header: Header) {}

  /** Reads all, calling back after each chunk; the page answers between two. */
  async read(source: Source, after: (share: number) => void): Promise<void> {
    if (!this.header.chunks) return;
    this.songs = await readJson<string[]>(source, "songs");
    this.chinese = await readJson<Chinese>(source, "chinese");
    this.folder = new Folder(this.chinese.fold);
    const decoder = new TextDecoder(this.header.coding);
    const { chunks, chunkLines } = this.header;
    const left = new Set(Array(chunks).keys());
    while (left.size) {
      const near = Math.floor(this.wanted / chunkLines);
      const i = left.has(near) ? near : (left.values().next().value as number);
      left.delete(i);
      const text = decoder.decode(await source.part(`text-${i}`));
      this.chunks.push(cut(text, i * chunkLines, this.folder));
      this.chunks.sort((a, b) => a.first - b.first);
      after(1 - left.size / chunks);
      await new Promise((done) => setTimeout(done));
    }
    this.complete = true;
  }

  /** Asks for a line's chunk before the others. */
  want(row: number): void {
    this.wanted = row;
  }

  /** A line as it was written, "" where lyrics are left out or not read yet. */
  line(row: number): string {
    const chunk = this.chunkOf(row);
    if (!chunk) return "";
    const at = row - chunk.first;
    return chunk.text.slice(chunk.starts[at], chunk.starts[at + 1] - 1);
  }

  private chunkOf(row: number): Chunk | undefined {
    let low = 0;
    let high = this.chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.chunks[middle].first <= row) low = middle + 1;
      else high = middle;
    }
    const chunk = this.chunks[low - 1];
    return chunk && row - chunk.first < chunk.starts.length - 1 ? chunk : undefined;
  }
}

function cut(text: string, first: number, folder: Folder): Chunk {
  const starts = [0];
  for (let at = text.indexOf("\0"); at >= 0; at = text.indexOf("\0", at + 1)) starts.push(at + 1);
  return { first, text, starts: Uint32Array.from(starts), folded: folder.units(text) };
}
