"""What this software is compared with: three CPU pipelines, each on our model, texts and settings.

- `poster.py`: the researchers' present pipeline, written from its description.
- `strong.py`: what a good engineer would use on a CPU today.
- `with_bertopic.py`: BERTopic, from vectors to topics and terms.

A stage is a function of arrays and texts. `python -m rapids_rap.bench.baseline.poster INPUT --out
DIR` runs a whole pipeline, timed by stage into `DIR/stages.json`. They need the `bench` extra.
"""
