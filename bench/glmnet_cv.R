# SPDX-License-Identifier: BSD-3-Clause
# Cross-validates a multinomial Lasso with given folds and lambdas; argument: the folder.
suppressPackageStartupMessages({
  library(glmnet)
  library(jsonlite)
})
folder <- commandArgs(trailingOnly = TRUE)[1]
file <- function(name) paste0(folder, "/", name)
meta <- fromJSON(file("meta.json"))
X <- matrix(readBin(file("X.bin"), "double", meta$n * meta$p), meta$n, meta$p)
y <- factor(readBin(file("y.bin"), "integer", meta$n, size = 4))
folds <- readBin(file("folds.bin"), "integer", meta$n, size = 4)
if (is.null(meta$k)) {
  lambda <- glmnet(X, y, family = "multinomial", type.multinomial = meta$type)$lambda
  writeBin(lambda, file("alphas.bin"))
} else {
  lambda <- readBin(file("alphas.bin"), "double", meta$k)
  invisible(gc())
  time <- system.time(
    cv <- cv.glmnet(X, y,
      family = "multinomial", type.multinomial = meta$type, lambda = lambda,
      foldid = folds, thresh = meta$thresh, maxit = 1e8
    ),
    gcFirst = FALSE
  )
  fit <- cv$glmnet.fit
  k <- length(fit$lambda)
  coef <- sapply(fit$beta, function(b) as.numeric(b)) # (p * k, K)
  writeBin(as.numeric(coef), file("coef.bin"))
  writeBin(as.numeric(fit$a0), file("intercept.bin")) # (K, k) by columns
  write(toJSON(list(
    wall = time[["elapsed"]], cpu = time[["user.self"]] + time[["sys.self"]], k = k,
    lambda_min = cv$lambda.min, lambda_1se = cv$lambda.1se, cvm = cv$cvm,
    version = as.character(packageVersion("glmnet"))
  ), auto_unbox = TRUE, digits = I(15)), file("out.json"))
}
