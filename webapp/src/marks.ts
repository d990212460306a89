/** Six shapes that tell groups apart without colour, on a map, in a legend and in a picture. */
import { Group } from "./data";

/** Paths over [-1, 1], filled by the even-odd rule. The painters draw the same. */
export const MARKS = [
  "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0-1 0Z",
  "M-.8-.8H.8V.8H-.8Z",
  "M0-1L1 0L0 1L-1 0Z",
  "M0-1L1 .8H-1Z",
  "M0 1L1-.8H-1Z",
  "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0-1 0ZM-.45 0A.45 .45 0 1 0 .45 0A.45 .45 0 1 0-.45 0Z",
];

/** By id, which stays from night to night. */
export const shapeOf = ({ id }: Group): number => (id < 0 ? 0 : id % MARKS.length);
