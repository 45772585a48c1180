# SPDX-License-Identifier: BSD-3-Clause
# Run by hand: Rscript tests/references/presto/known.R
# Proportional odds (MASS::polr, ordinal::clm) on data that others know: the bitterness of wine and the
# soup test of the ordinal package, satisfaction with housing in Copenhagen of MASS. Writes the
# tables, their factors as treatment contrasts, as <name>.csv.gz and known.json.
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
setwd(here)
suppressMessages({
  library(MASS)
  library(ordinal)
  library(jsonlite)
})

tight <- clm.control(gradTol = 1e-11, relTol = 1e-12, maxIter = 200)
known <- list(
  wine = list(rating ~ temp + contact, ordinal::wine, NULL),
  housing = list(Sat ~ Infl + Type + Cont, MASS::housing, MASS::housing$Freq),
  # Reversed: the rare answer, sure that it is the reference, is the last class.
  soup = list(factor(SURENESS, levels = rev(levels(SURENESS)), ordered = TRUE) ~
    PRODID + DAY + SOUPTYPE + SOUPFREQ + COLD + EASY + GENDER + AGEGROUP + LOCATION,
    ordinal::soup, NULL)
)
fits <- list()
for (name in names(known)) {
  formula <- known[[name]][[1]]
  frame <- model.frame(formula, known[[name]][[2]])
  X <- model.matrix(formula, frame)[, -1]
  colnames(X) <- gsub("[^A-Za-z0-9.]", ".", colnames(X))
  class <- model.response(frame)
  weight <- known[[name]][[3]]
  if (is.null(weight)) weight <- rep(1, nrow(X))
  file <- gzfile(paste0(name, ".csv.gz"), "w")
  write.table(cbind(X, y = as.integer(class) - 1, weight = weight), file, sep = ",",
    row.names = FALSE, quote = FALSE)
  close(file)
  table <- data.frame(X, class = class, s = weight)
  free <- reformulate(colnames(X), "class")
  one <- polr(free, data = table, weights = s, control = list(reltol = 1e-16, maxit = 2000))
  two <- clm(free, data = table, weights = s, control = tight)
  # log odds of y <= k are theta_k - x'b for both.
  fits[[name]] <- list(
    polr = list(theta = unname(one$zeta), beta = unname(one$coefficients),
      loss = as.numeric(-logLik(one)) / sum(weight)),
    clm = list(theta = unname(two$alpha), beta = unname(two$beta),
      loss = -two$logLik / sum(weight))
  )
}
fits$versions <- list(R = R.version.string, MASS = as.character(packageVersion("MASS")),
  ordinal = as.character(packageVersion("ordinal")))
write(toJSON(fits, digits = 15, auto_unbox = TRUE, pretty = TRUE), "known.json")
