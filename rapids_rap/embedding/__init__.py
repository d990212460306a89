"""From distinct texts to vectors: presets, tokenizing, packing, the encoder, the vector store."""
