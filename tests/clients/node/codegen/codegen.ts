// The client preset as a front end would set it up; with GATEWAY set the schema is asked of the gateway itself.
import type { CodegenConfig } from "@graphql-codegen/cli";

const { GATEWAY, KEY, INTO = "gql/" } = process.env;
// graphql 16 asks for `isOneOf` only when it is told to.
const asked = { headers: { authorization: `Bearer ${KEY}` }, oneOf: true };

const config: CodegenConfig = {
  schema: GATEWAY ? [{ [GATEWAY]: asked }] : "schema.graphql",
  documents: "operations.ts",
  generates: {
    [INTO]: {
      preset: "client",
      presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: "sha256" } },
      config: {
        documentMode: "string",
        importExtension: ".js",
        useTypeImports: true,
        strictScalars: true,
        scalars: {
          Currency: "string",
          Cursor: "string",
          Date: "string",
          DateTime: "string",
          JSON: "unknown",
          Metadata: "Record<string, string | number | boolean>",
          MinorUnits: "number",
        },
      },
    },
  },
};

export default config;
