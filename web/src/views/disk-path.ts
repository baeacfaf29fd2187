import { orthogonalCircle } from "../core/geodesic.ts";

const FLAT = 0.25; // pixels that a straight line may be off

/** Adds the geodesic between two points of the unit disk (x right, y up) to a path in pixels from the middle. */
export function traceGeodesic(
  context: CanvasRenderingContext2D, circle: Float64Array, radius: number, x1: number, y1: number, x2: number, y2: number,
): void {
  const endX = x2 * radius;
  const endY = -y2 * radius;
  context.moveTo(x1 * radius, -y1 * radius);
  if (orthogonalCircle(x1, y1, x2, y2, circle)) {
    const cx = circle[0];
    const cy = circle[1];
    const bend = circle[2];
    const square = (x2 - x1) * (x2 - x1) + (y2 - y1) * (y2 - y1);
    if ((radius * square) / (8 * bend) > FLAT) {
      // Sine and cosine of a quarter of the arc's angle from half its chord.
      const sine = Math.min(Math.sqrt(square) / (2 * bend), 1);
      const cosine = Math.sqrt(1 - sine * sine);
      if (cosine < 0.5) {
        const first = Math.atan2(-(y1 - cy), x1 - cx);
        const last = Math.atan2(-(y2 - cy), x2 - cx);
        const turn = (last - first + 4 * Math.PI) % (2 * Math.PI);
        context.arc(cx * radius, -cy * radius, bend * radius, first, last, turn > Math.PI);
        return;
      }
      const pull = ((4 / 3) * sine) / (1 + cosine);
      const side = (x1 - cx) * (y2 - cy) - (y1 - cy) * (x2 - cx) > 0 ? pull * radius : -pull * radius;
      context.bezierCurveTo(
        x1 * radius - side * (y1 - cy),
        -y1 * radius - side * (x1 - cx),
        endX + side * (y2 - cy),
        endY + side * (x2 - cx),
        endX,
        endY,
      );
      return;
    }
  }
  context.lineTo(endX, endY);
}
