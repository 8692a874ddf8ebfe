"""Features that another tool computed: emotion2vec, openSMILE, embeddings of language models. One file per form of storage."""
