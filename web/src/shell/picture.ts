const SCALE = 2; // pixels of the picture for one of the SVG
const MOST = 8192; // pixels wide or high

/** An SVG document as a PNG picture on a ground. */
export async function pngOf(svg: string, ground: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = Math.min(SCALE, MOST / Math.max(image.naturalWidth, image.naturalHeight, 1));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("this browser has no canvas to draw the picture on");
    context.fillStyle = ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob(
        (blob) =>
          blob === null ? reject(new Error("the picture is too large for this browser")) : resolve(blob),
        "image/png",
      );
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
