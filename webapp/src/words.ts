/** What the page says, in both languages. */

export type Language = "zh" | "en";

const SAID = {
  search: ["搜索歌词", "Search the lines"],
  text: ["原文（繁简不分）", "as written"],
  pinyin: ["拼音", "pinyin"],
  rhyme: ["押韵（末一至三字）", "rhyme (last 1–3)"],
  meaning: ["意思相近", "by meaning"],
  like: ["与某行相近（行号）", "like a line (its number)"],
  likeThis: ["找相近的歌词", "Lines like it"],
  close: ["关闭", "Close"],
  noGroup: ["这一晚没有这一组", "There is no such group in this night"],
  way: ["搜索方式", "Way to search"],
  how: ["如何合并选择", "How selections go together"],
  among: ["筛选列表", "Filter this list"],
  moved: ["两晚变化", "change between nights"],
  stays: ["未变", "same cluster"],
  moves: ["换了聚类", "another cluster"],
  sinks: ["变为噪声", "into noise"],
  rises: ["不再是噪声", "out of noise"],
  alone: ["仅此一晚", "in this night alone"],
  otherNight: ["换到 {0}", "Show {0}"],
  sides: ["并排", "Side by side"],
  showMoves: ["画出移动", "Draw moves"],
  movesDrawn: ["{1} 行换了位置，画出 {0} 行", "{0} of {1} moves drawn"],
  lost: ["图形加速中断，改由处理器绘制", "The graphics card was lost: drawn by the processor"],
  seen: ["所见", "In view"],
  keep: ["只留两者皆有", "only in both"],
  find: ["查找", "Find"],
  hits: ["{0} 行命中", "{0} lines found"],
  cantFind: ["这样的词无法如此搜索", "This can't be searched for in that way"],
  loading: ["歌词载入中 {0}%", "Reading lines, {0} %"],
  noLyrics: ["此文件不含歌词", "This file holds no lyrics"],
  colour: ["着色", "Colour"],
  theme: ["主题", "theme"],
  cluster: ["聚类", "cluster"],
  artist: ["歌手", "artist"],
  region: ["地区", "region"],
  emotion: ["情绪", "emotion"],
  agreement: ["得票", "agreement"],
  stability: ["稳定度", "stability"],
  move: ["移动", "Move"],
  lasso: ["套索", "Lasso"],
  box: ["框选", "Box"],
  set: ["新选", "new"],
  add: ["加选", "add"],
  subtract: ["减选", "subtract"],
  clear: ["取消选择", "Clear"],
  whole: ["全图", "Whole map"],
  all: ["全部", "All lines"],
  selected: ["已选 {0} 行，共 {1} 行（{2}）", "{0} of {1} lines selected ({2})"],
  nothing: ["没有选中任何一行", "Nothing is selected"],
  linesOf: ["歌词", "Lines"],
  more: ["再显示", "More"],
  terms: ["区别词", "Terms that set it apart"],
  termsHow: [
    "以本次运行的词表计数；与其余各行相比的对数几率（Monroe 等 2008）",
    "The run's own terms, counted; log-odds against all other lines (Monroe et al. 2008)",
  ],
  artists: ["歌手", "Artists"],
  emotions: ["情绪", "Emotions"],
  clusters: ["聚类", "Clusters"],
  themes: ["主题", "Themes"],
  regions: ["地区", "Regions"],
  meanAgreement: ["平均得票 {0}", "mean agreement {0}"],
  share: ["占比", "share"],
  lift: ["倍数", "× all"],
  none: ["无", "none"],
  noise: ["噪声", "noise"],
  others: ["其余", "others"],
  exportAs: ["导出所选", "Export"],
  picture: ["图片", "Picture"],
  language: ["English", "中文"],
  neighbours: ["前后各行", "around it"],
  unknown: ["未知", "not known"],
  axes: ["坐标轴没有含义，只有远近有意义", "Axes have no meaning, only nearness does"],
  lines: ["行", "lines"],
  model: ["模型", "model"],
  help: [
    "拖动平移，滚轮缩放；方向键移动，+ − 缩放，0 全图，/ 搜索，l 套索，b 框选，v 选所见，n p 逐条看命中，Esc 取消；点一行可固定并找相近的",
    "Drag to move, wheel to zoom; arrows move, + − zoom, 0 whole map, / search, l lasso, b box, v picks what is in view, n p step through the selection, Esc clears; a click on a line holds it",
  ],
  legendHow: ["点击选取；Shift 加选，Alt 减选", "Click selects; Shift adds, Alt subtracts"],
  failed: ["无法读取数据：{0}", "The data can't be read: {0}"],
  gone: [
    "服务器不再应答：请重新运行 rapids-rap view",
    "The server answers no more: run rapids-rap view again",
  ],
  still: ["没有图形加速，由处理器绘制", "No graphics card: drawn by the processor"],
} as const;

export type Key = keyof typeof SAID;

let current: Language = navigator.language.startsWith("zh") ? "zh" : "en";

export const language = (): Language => current;

export function setLanguage(to: Language): void {
  current = to;
  document.documentElement.lang = to === "zh" ? "zh-Hans" : "en";
}

export function say(key: Key, ...values: (string | number)[]): string {
  const text: string = SAID[key][current === "zh" ? 0 : 1];
  return text.replace(/\{(\d)\}/g, (_, i) => String(values[Number(i)]));
}

export function count(number: number): string {
  return number.toLocaleString("en-US");
}
