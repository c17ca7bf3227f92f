"""How a graph becomes a program: one step a node (`program`), or fused and tiled (`fuse`)."""
