"""Items of the plan: host paths, libraries, includes, the loader's configuration, and packed programs."""
