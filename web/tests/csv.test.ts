import { expect, test } from "vitest";
import { csvRow } from "../src/core/csv.ts";

test("cells are quoted where they must be", () => {
  expect(csvRow(["a", 'say "x"', "1,5", "two\nlines", ""])).toBe('a,"say ""x""","1,5","two\nlines",\r\n');
});

test("texts that a spreadsheet would run get an apostrophe, numbers stay", () => {
  expect(csvRow(["=1+1", "+1", "-1", "@SUM(A1)", "\tx", -1.5, "a=b"])).toBe(
    "'=1+1,'+1,'-1,'@SUM(A1),'\tx,-1.5,a=b\r\n",
  );
  expect(csvRow(['=HYPERLINK("x","y")'])).toBe('"\'=HYPERLINK(""x"",""y"")"\r\n');
});

test("unknown numbers are empty", () => expect(csvRow([NaN, Infinity, 0])).toBe(",,0\r\n"));
