"""The names of a run folder's files: its contract with other programs."""

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
IDENTITY = ".run.json"  # which inputs the folder is for; written before any work is kept
DROPPED = "dropped.parquet"
TABLES = (
    "clusters.csv",
    "cluster_emotions.csv",
    "cluster_terms.csv",
    "cluster_artists.csv",
    "artist_clusters.csv",
    "cluster_examples.csv",
    "cluster_traits.csv",
    "themes.csv",
    "cluster_regions.csv",
    "labels.csv",
    "names.csv",
    "decisions.csv",
    "cluster_stability.csv",
    "cluster_sizes.csv",
    "theme_years.csv",
    "cluster_keyness.csv",
    "artist_themes.csv",
    "artist_divergence.csv",
    "cluster_emotion_rates.csv",
    "lexicon_overlap.csv",
)
TREE = "tree.parquet"  # the tree above the clusters
TEXT_STABILITY = "text_stability.parquet"  # how often each text kept its cluster on other songs
LEXICON_HITS = "lexicon_hits.parquet"  # every hit of the lexicon in every line
PENDING = ".pending"  # files that are about to replace those of a finished run
KEPT_CLUSTERINGS = ".stability"  # what a `rapids-rap stability` that was stopped goes on from
KEPT_ANSWERS = ".names"  # what a model said to `rapids-rap name`, which goes on from there
NIGHT = "nightly.json"  # what a night says of itself; only in runs of `rapids-rap nightly`
OWN_FILES = (
    MANIFEST,
    DROPPED,
    "lines.parquet",
    "quality.json",
    "report.html",
    NIGHT,
    TREE,
    TEXT_STABILITY,
    LEXICON_HITS,
    *TABLES,
)
REDUCED = "reduced.npy"  # beside the vectors: the coordinates that were clustered
VOTES = "votes.npy"  # beside them: in which of its clusters each layout put a text
STRENGTHS = "vote_strengths.npy"  # how strongly
PERSISTENCE = "vote_persistence.npy"  # of those clusters, layout after layout
VOTE_TREES = "vote_trees.npy"  # the trees of the layouts that were new
VOTE_FILES = (VOTES, STRENGTHS, PERSISTENCE, VOTE_TREES)
MAPS = (
    "clusters.png",
    "themes.png",
    "density.png",
    "categories.png",
    "artists.png",
    "artist_themes.png",
    "tree.png",
    "sizes.png",
    "years.png",
)
