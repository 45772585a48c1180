# SPDX-License-Identifier: BSD-3-Clause
# Run by hand after export_data.py: Rscript tests/references/relaxed/make.R
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
setwd(here)
source("../common.R")

# The refits of relax = TRUE, and cross-validation over strength and mixture with the table's folds.
GAMMAS <- c(0, 0.25, 0.5, 0.75, 1)

relaxed <- function(name, table, folder, family, options = list(), weighted = FALSE, cv = FALSE) {
  data <- read_table(file.path("..", folder, table))
  arguments <- c(list(x = data$X, y = data$y, family = family, maxit = MAXIT, relax = TRUE), options)
  if (weighted) arguments$weights <- data$weight
  found <- tightest(function(thresh) do.call(glmnet, c(arguments, thresh = thresh)))
  fit <- found$value
  index <- kept(length(fit$relaxed$lambda))
  out <- list(
    case = name, table = paste0(folder, "/", table), family = family, options = options,
    weighted = weighted, thresh = found$thresh, lambda = fit$relaxed$lambda,
    index = index - 1, # counted from 0
    coef = coefficients_at(fit$relaxed, index), intercept = intercepts_at(fit$relaxed, index)
  )
  if (cv) {
    given <- arguments
    given$relax <- NULL
    given$lambda.min.ratio <- NULL
    found <- tightest(function(thresh) {
      do.call(cv.glmnet, c(given, list(
        lambda = fit$lambda, foldid = data$fold, gamma = GAMMAS, relax = TRUE, thresh = thresh
      )))
    }, 10^-c(13, 11, 9))
    stats <- found$value$relaxed$statlist
    out$cv <- list(
      thresh = found$thresh, gamma = GAMMAS,
      cvm = lapply(stats, function(s) unname(s$cvm)),
      cvsd = lapply(stats, function(s) unname(s$cvsd)),
      lambda_min = found$value$relaxed$lambda.min, gamma_min = found$value$relaxed$gamma.min
    )
    names(out$cv$cvm) <- names(out$cv$cvsd) <- NULL
  }
  path <- paste0(name, ".json")
  write(toJSON(out, digits = I(15), auto_unbox = TRUE, matrix = "rowmajor"), path)
  cat(sprintf("%-28s %3d lambdas, thresh %.0e, %6.1f kB\n", name, length(out$lambda), out$thresh,
    file.size(path) / 1000))
}

relaxed("gaussian", "diabetes.csv", "gaussian", "gaussian", cv = TRUE)
relaxed("gaussian_weights", "diabetes.csv", "gaussian", "gaussian", weighted = TRUE)
relaxed("gaussian_wide", "wide.csv", "gaussian", "gaussian")
relaxed("binomial", "cancer.csv", "binomial", "binomial", list(lambda.min.ratio = 0.02))
write_meta("relaxed", 1e-6, paste(
  "refits have no penalty, so they are determined by their features alone; the selections agree",
  "where the Lasso paths do"))
