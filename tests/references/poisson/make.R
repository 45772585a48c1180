# SPDX-License-Identifier: BSD-3-Clause
# Run by hand after export_data.py: Rscript tests/references/poisson/make.R
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
setwd(here)
source("../common.R")

counts <- read_table("counts.csv")
fit <- function(name, options = list(), ...) {
  write_case(name, "counts", counts, "poisson", options, ...)
}
fit("lasso")
fit("lasso_weights", weighted = TRUE)
fit("enet", list(alpha = 0.5))
fit("lasso_raw", list(standardize = FALSE))
fit("lasso_origin", list(intercept = FALSE, lambda.min.ratio = 0.01))
fit("lasso_factors", list(penalty.factor = rep(c(1, 0.5, 2, 0), 6)))
scale <- rep(c(10, 1, 0.1), 8)
fit("lasso_box", list(lower.limits = -0.1 * scale, upper.limits = rep(c(0.3, 0), 12) * scale))
write_meta("poisson", 1e-6, "glmnet stops on coordinate changes; see accuracy.json for what check.py measures")
