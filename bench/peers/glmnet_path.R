# SPDX-License-Identifier: BSD-3-Clause
# Solves one Lasso path; arguments: the folder that holds the arrays.
suppressPackageStartupMessages({
  library(Matrix)
  library(glmnet)
  library(jsonlite)
})
folder <- commandArgs(trailingOnly = TRUE)[1]
file <- function(name) paste0(folder, "/", name)
meta <- fromJSON(file("meta.json"))
if (meta$sparse) {
  X <- new("dgCMatrix",
    i = readBin(file("indices.bin"), "integer", meta$nnz, size = 4),
    p = readBin(file("indptr.bin"), "integer", meta$p + 1, size = 4),
    x = readBin(file("data.bin"), "double", meta$nnz),
    Dim = as.integer(c(meta$n, meta$p))
  )
} else {
  X <- matrix(readBin(file("data.bin"), "double", meta$n * meta$p), meta$n, meta$p)
}
y <- readBin(file("y.bin"), "double", meta$n * meta$outputs)
if (meta$outputs > 1) y <- matrix(y, meta$n)
alphas <- readBin(file("alphas.bin"), "double", meta$k)
# Loads the library.
invisible(glmnet(X[, 1:10], y, meta$family, lambda = alphas[1:2], intercept = FALSE))
invisible(gc())
time <- system.time(
  fit <- glmnet(X, y, meta$family,
    lambda = alphas, standardize = FALSE, intercept = FALSE,
    thresh = meta$thresh, maxit = 1e9
  ),
  gcFirst = FALSE
)
if (meta$outputs > 1) {
  # Rows of the result: the outputs of a feature side by side.
  order <- as.vector(t(matrix(seq_len(meta$p * meta$outputs), meta$p)))
  fit$beta <- do.call(rbind, fit$beta)[order, ]
}
B <- as(fit$beta, "dgCMatrix")
writeBin(B@x, file("out_x.bin"))
writeBin(B@i, file("out_i.bin"), size = 4)
writeBin(B@p, file("out_p.bin"), size = 4)
writeBin(c(time[["elapsed"]], time[["user.self"]] + time[["sys.self"]], length(B@x), ncol(B)),
  file("info.bin"))
